/** The messages the command line speaks, found by the names people type. */
import { archethicMessages } from '../codec/archethic-messages.ts';
import type { Json, JsonObject } from '../codec/json-form.ts';
import type { MessageType } from '../codec/message.ts';
import type { MessageCatalog } from '../codec/message-catalog.ts';
import { Echo, Echoed } from '../p2p/built-in-services.ts';
import { quote, usage } from './command-line.ts';
import { didYouMean } from './nearest-names.ts';

/** Archethic's messages, and Echo and Echoed. */
export const cliMessages: MessageCatalog = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;

/** What may be left out of the JSON of a message: by name, the fields with their defaults. */
const FIELD_DEFAULTS: ReadonlyMap<string, JsonObject> = new Map([['ListNodes', { authorizedAndAvailable: false }]]);

/** `json` with the fields that may be left out; what is no object is given back as it is. */
export function withDefaults(type: MessageType, json: Json): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return { ...FIELD_DEFAULTS.get(type.name), ...(json as JsonObject) };
}

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
