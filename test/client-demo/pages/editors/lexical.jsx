import { createRoot } from 'react-dom/client';
import { LexicalCollaboration } from '@lexical/react/LexicalCollaborationContext';
import { CollaborationPlugin } from '@lexical/react/LexicalCollaborationPlugin';
import { LexicalComposer } from '@lexical/react/LexicalComposer';
import { ContentEditable } from '@lexical/react/LexicalContentEditable';
import { LexicalErrorBoundary } from '@lexical/react/LexicalErrorBoundary';
import { RichTextPlugin } from '@lexical/react/LexicalRichTextPlugin';
import { doc, provider } from '../document.js';

// Lexical connects by itself, once its editor is there.
provider.disconnect();

const config = {
  namespace: 'editor',
  // The document brings the content; a null state keeps Lexical from adding a paragraph of its own.
  editorState: null,
  onError: (error) => {
    throw error;
  },
};

createRoot(document.querySelector('#editor')).render(
  <LexicalCollaboration>
    <LexicalComposer initialConfig={config}>
      <RichTextPlugin contentEditable={<ContentEditable />} ErrorBoundary={LexicalErrorBoundary} />
      <CollaborationPlugin
        id="lexical"
        providerFactory={(id, docs) => {
          docs.set(id, doc);
          return provider;
        }}
        username="Ada"
        cursorColor="#5b4bd6"
        shouldBootstrap={true}
      />
    </LexicalComposer>
  </LexicalCollaboration>,
);
