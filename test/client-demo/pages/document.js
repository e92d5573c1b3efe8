import { guardPresence } from 'quire-client';
import * as Y from 'yjs';
import { WebsocketProvider } from 'y-websocket';

const params = new URLSearchParams(location.search);
export const doc = new Y.Doc();
export const provider = new WebsocketProvider(params.get('server'), params.get('document'), doc);
provider.awareness.setLocalStateField('user', { name: 'Ada', color: '#5b4bd6' });
// `guard=no`: a page that relies on the server.
if (params.get('guard') !== 'no') guardPresence(provider.awareness);
