import type { Codec } from '../../server/sync/protocol/codec.ts';
import { yWebsocketCodec } from '../../server/sync/protocol/y-websocket.ts';

/** A dialect of its own, with the messages of y-websocket. Counts the messages that it encodes. */
export class CountingCodec implements Codec {
  encodings = 0;
  readonly decode = yWebsocketCodec.decode;
  readonly syncStep1 = this.#counted(yWebsocketCodec.syncStep1);
  readonly syncStep2 = this.#counted(yWebsocketCodec.syncStep2);
  readonly update = this.#counted(yWebsocketCodec.update);
  readonly presence = this.#counted(yWebsocketCodec.presence);
  readonly saved = this.#counted(yWebsocketCodec.saved);
  readonly denied = this.#counted(yWebsocketCodec.denied);

  #counted<Content>(encode: (content: Content) => Buffer): (content: Content) => Buffer {
    return (content) => {
      this.encodings++;
      return encode(content);
    };
  }
}
