/** The messages the command line speaks, found by the names people type. */
import { archethicMessages } from '../codec/archethic-messages.ts';
import type { MessageType } from '../codec/message.ts';
import type { MessageCatalog } from '../codec/message-catalog.ts';
import { Echo, Echoed } from '../p2p/built-in-services.ts';
import { quote, usage } from './command-line.ts';
import { didYouMean } from './nearest-names.ts';

/** Archethic's messages, and Echo and Echoed. */
export const cliMessages: MessageCatalog = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;

/** The message of that name. @throws CliError `USAGE` naming the nearest names. */
export function messageByName(name: string): MessageType {
  const type = cliMessages.byName(name);
  if (type !== undefined) return type;
  const hint = didYouMean(
    name,
    cliMessages.types.map((known) => known.name),
  );
  throw usage(`there is no message ${quote(name)}${hint}: see genmesh call --help for all names`);
}
