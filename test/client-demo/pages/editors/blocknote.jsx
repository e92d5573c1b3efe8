import { createRoot } from 'react-dom/client';
import { withCollaboration } from '@blocknote/core/yjs';
import { BlockNoteView } from '@blocknote/mantine';
import { useCreateBlockNote } from '@blocknote/react';
import '@blocknote/mantine/style.css';
import { doc, provider } from '../document.js';

function Notes() {
  const { user } = provider.awareness.getLocalState();
  const editor = useCreateBlockNote(
    withCollaboration({ collaboration: { provider, fragment: doc.getXmlFragment('blocknote'), user } }),
  );
  return <BlockNoteView editor={editor} />;
}

createRoot(document.querySelector('#editor')).render(<Notes />);
