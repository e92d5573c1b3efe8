import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { WebSocket } from 'ws';
import { newScratchName } from '../net/scratch-name.ts';
import { openConnection } from './connection.ts';
import { inTime } from './deadline.ts';
import type { Examination, HostAddress } from './examination.ts';
import { hostHeader } from './target.ts';

/** A frame of Hocuspocus consists of the document's name, a type and a payload. This is the type for authentication. */
const authType = 2;
/** The answers to a token: denied, accepted. */
const answers: readonly number[] = [1, 2];

/**
 * Whether the server speaks the protocol of Hocuspocus. The doctor sends an empty token for a document that does not
 * exist, and a Hocuspocus server accepts or denies it. If it accepts, it creates an empty document, which it does not
 * store.
 */
export async function isHocuspocus(examination: Examination, address: HostAddress): Promise<boolean> {
  const { target, deps } = examination;
  const document = newScratchName();
  let webSocket: WebSocket | null = null;
  try {
    const socket = await openConnection(examination, address);
    webSocket = new WebSocket(`ws://${hostHeader(target)}${target.path}${target.query}`, {
      perMessageDeflate: false,
      headers: { Host: hostHeader(target) },
      ...(target.origin === null ? {} : { origin: target.origin }),
      createConnection: () => socket,
    });
    return await inTime(deps.stepTimeoutMs / 2, answersAuth(webSocket, document));
  } catch {
    // The server does not answer in this protocol.
    return false;
  } finally {
    webSocket?.terminate();
  }
}

function answersAuth(webSocket: WebSocket, document: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    webSocket.on('open', () => webSocket.send(authOf(document)));
    webSocket.on('message', (data: Buffer) => {
      if (isAuthAnswer(data, document)) resolve(true);
    });
    webSocket.on('error', reject);
    webSocket.on('close', () => resolve(false));
  });
}

function authOf(document: string): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, document);
  encoding.writeVarUint(encoder, authType);
  encoding.writeVarUint(encoder, 0);
  encoding.writeVarString(encoder, '');
  return encoding.toUint8Array(encoder);
}

function isAuthAnswer(data: Buffer, document: string): boolean {
  try {
    const decoder = decoding.createDecoder(data);
    return (
      decoding.readVarString(decoder) === document &&
      decoding.readVarUint(decoder) === authType &&
      answers.includes(decoding.readVarUint(decoder))
    );
  } catch {
    return false;
  }
}
