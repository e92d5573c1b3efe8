import { WebsocketProvider } from 'y-websocket';
import { createRelativePositionFromTypeIndex, Doc, XmlElement, XmlText } from 'yjs';
import { trackSaved } from './lib/client.ts';
import { colors } from './person.ts';
import { publishProof } from './proof.ts';
import traceAddress from './trace.json?url';

/** Where, how many characters are deleted there, and what is typed instead. */
type Keystroke = readonly [index: number, deleted: number, typed: string];

const names = ['Quill', 'Nib', 'Pen', 'Ink'];
const tickMs = 50;
const keystrokesPerTick = 2;
/** Each writer loses its connection about every eight seconds, for one or two. */
const lossPerTick = 0.006;
const lossMs = 1500;
/** They stay a while when they have finished, so that their hashes can be compared. */
const stayMs = 10_000;

/**
 * Lets headless writers type into the document of `provider`, each with a document and a connection of its own: to the
 * server they are people. Returns a function that sends them away; `ended` is called once when they have gone.
 */
export function typeLikeMad(provider: WebsocketProvider, ended: () => void): () => void {
  const gone = new AbortController();
  const stop = (): void => gone.abort();
  gone.signal.addEventListener('abort', ended);
  void fetch(traceAddress)
    .then((response) => response.json() as Promise<readonly (readonly Keystroke[])[]>)
    .then((traces) =>
      Promise.all(
        traces.map((trace, i) =>
          write(provider, names[i % names.length]!, colors[(2 * i + 1) % colors.length]!, trace, gone.signal),
        ),
      ),
    )
    .then(() => setTimeout(stop, stayMs), stop);
  return stop;
}

/** One writer. Resolves when all is typed and saved, or when it was sent away. */
async function write(
  { serverUrl, roomname }: WebsocketProvider,
  name: string,
  color: string,
  trace: readonly Keystroke[],
  gone: AbortSignal,
): Promise<void> {
  if (gone.aborted) return;
  const doc = new Doc();
  // Without BroadcastChannel: all of it goes through the server.
  const provider = new WebsocketProvider(serverUrl, roomname, doc, { disableBc: true });
  const saved = trackSaved(provider);
  provider.awareness.setLocalStateField('user', { name, color });
  publishProof({ doc, provider, saved });

  const finished = Promise.withResolvers<void>();
  const text = new XmlText();
  let typed = 0;
  let timer: number | undefined;

  const tick = (): void => {
    for (let i = 0; i < keystrokesPerTick && typed < trace.length; i++) {
      const [index, deleted, insert] = trace[typed++]!;
      doc.transact(() => {
        text.delete(index, deleted);
        text.insert(index, insert);
      });
      if (i > 0) continue;
      const position = createRelativePositionFromTypeIndex(text, index + insert.length);
      provider.awareness.setLocalStateField('cursor', { anchor: position, head: position });
    }
    if (typed === trace.length) {
      window.clearInterval(timer);
      provider.awareness.setLocalStateField('cursor', null);
      provider.connect();
    } else if (Math.random() < lossPerTick) {
      provider.disconnect();
      window.setTimeout(() => gone.aborted || provider.connect(), lossMs * (0.5 + Math.random()));
    }
  };

  provider.once('sync', () => {
    const paragraph = new XmlElement('paragraph');
    paragraph.insert(0, [text]);
    doc.getXmlFragment('default').push([paragraph]);
    timer = window.setInterval(tick, tickMs);
  });
  saved.subscribe((state) => {
    if (state.saved && typed === trace.length) finished.resolve();
  });
  gone.addEventListener('abort', () => {
    window.clearInterval(timer);
    saved.stop();
    provider.destroy();
    doc.destroy();
    finished.resolve();
  });
  return finished.promise;
}
