import { WebsocketProvider } from 'y-websocket';
import { createRelativePositionFromTypeIndex, Doc, XmlElement, XmlText } from 'yjs';
import { onRefused, trackSaved } from '../client/client.ts';
import { permissionDenied } from './connection.ts';
import { colors } from './person.ts';
import type { Person } from './person.ts';
import { publishProof } from './proof.ts';
import traceAddress from './trace.json?url';

/** Deletes characters at an index and inserts text there. */
type Keystroke = readonly [index: number, deleted: number, typed: string];

/** `typing`; `done`: everything typed is saved; `gone`: the writers have disconnected. */
export type Phase = 'typing' | 'done' | 'gone';

const writers: readonly Person[] = [
  { name: 'Quill', color: colors[1] },
  { name: 'Nib', color: colors[3] },
  { name: 'Pen', color: colors[5] },
  { name: 'Ink', color: colors[7] },
];
const tickMs = 50;
const keystrokesPerTick = 2;
/** Each writer loses its connection about every eight seconds, for one or two seconds. */
const lossPerTick = 0.006;
const lossMs = 1500;
/** How long the writers stay connected when they are done, so that their hashes can be compared. */
const stayMs = 10_000;

interface Signals {
  /** Stop typing. */
  readonly enough: AbortSignal;
  /** Disconnect. */
  readonly leave: AbortSignal;
}

/**
 * Starts four writers that type into the document of `provider`. Each has its own document and connection, so the
 * server cannot tell them from users. They leave 10 s after they are done. Returns a function that starts the next
 * phase early.
 */
export function typeLikeMad(provider: WebsocketProvider, onPhase: (phase: Phase) => void): () => void {
  const enough = new AbortController();
  const leave = new AbortController();
  const gone = (): void => leave.abort();
  const done = (): void => {
    if (leave.signal.aborted) return;
    onPhase('done');
    window.setTimeout(gone, stayMs);
  };
  leave.signal.addEventListener('abort', () => onPhase('gone'));
  onPhase('typing');
  void load()
    .then((traces) =>
      Promise.all(
        writers.map((person, i) => write(provider, person, traces[i]!, { enough: enough.signal, leave: leave.signal })),
      ),
    )
    .then(done, gone);
  return () => (enough.signal.aborted ? gone() : enough.abort());
}

async function load(): Promise<readonly (readonly Keystroke[])[]> {
  const response = await fetch(traceAddress);
  return response.json() as Promise<readonly (readonly Keystroke[])[]>;
}

/**
 * One writer. Resolves when it has typed everything, or was told to stop, and that is saved. Rejects if it is refused.
 */
function write(
  { serverUrl, roomname, protocols, params }: WebsocketProvider,
  person: Person,
  trace: readonly Keystroke[],
  { enough, leave }: Signals,
): Promise<void> {
  const doc = new Doc();
  // Without BroadcastChannel, so that every edit goes through the server.
  const provider = new WebsocketProvider(serverUrl, roomname, doc, { disableBc: true, protocols, params });
  const saved = trackSaved(provider);
  provider.awareness.setLocalStateField('user', person);
  publishProof({ doc, provider, saved });

  const text = new XmlText();
  let typed = 0;
  let timer: number | undefined;

  const type = (): void => {
    const [index, deleted, insert] = trace[typed++]!;
    doc.transact(() => {
      text.delete(index, deleted);
      text.insert(index, insert);
    });
    const caret = createRelativePositionFromTypeIndex(text, index + insert.length);
    provider.awareness.setLocalStateField('cursor', { anchor: caret, head: caret });
  };
  const loseConnection = (): void => {
    provider.disconnect();
    window.setTimeout(() => leave.aborted || provider.connect(), lossMs * (0.5 + Math.random()));
  };

  provider.once('sync', () => {
    const paragraph = new XmlElement('paragraph');
    paragraph.insert(0, [text]);
    doc.getXmlFragment('default').push([paragraph]);
  });
  leave.addEventListener('abort', () => {
    window.clearInterval(timer);
    saved.stop();
    provider.destroy();
    doc.destroy();
  });

  return new Promise((resolve, reject) => {
    const refused = (): void => reject(new Error('a writer was refused'));
    onRefused(provider, refused);
    provider.messageHandlers[permissionDenied] = refused;
    const tick = (): void => {
      if (!text.parent) return;
      if (!enough.aborted && typed < trace.length) {
        for (let i = 0; i < keystrokesPerTick && typed < trace.length; i++) type();
        if (Math.random() < lossPerTick) loseConnection();
        return;
      }
      window.clearInterval(timer);
      provider.awareness.setLocalStateField('cursor', null);
      provider.connect();
      if (saved.state.saved) return resolve();
      saved.subscribe((state) => state.saved && resolve());
    };
    timer = window.setInterval(tick, tickMs);
  });
}
