/** The messages of test nodes: Archethic's and the echo. */
import { archethicMessages } from '../../src/codec/archethic-messages.ts';
import type { MessageCatalog } from '../../src/codec/message-catalog.ts';
import { Echo, Echoed } from '../../src/p2p/built-in-services.ts';

export const testMessages: MessageCatalog = archethicMessages.extend([Echo, Echoed]) as unknown as MessageCatalog;
