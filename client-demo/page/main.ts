/** Builds the page: a document, its editor, and the parts that show what the server does with it. */
import { connect } from './connection.ts';
import { documentName, linkTo } from './document-name.ts';
import { showDocuments } from './documents.ts';
import { byId } from './dom.ts';
import { createEditor } from './editor.ts';
import { showPeople } from './people.ts';
import { showProof } from './proof-panel.ts';
import { showStatus } from './status-line.ts';
import { storedToken, takeToken } from './token.ts';
import { showToolbar } from './toolbar.ts';

// Comes first, because links are made from the URL of the page.
const token = takeToken();
const name = documentName();
const connection = connect(name, token);
const { doc, provider } = connection;

// With `?view` the page only shows the document, even if the server allows edits.
const viewing = new URLSearchParams(location.search).has('view');
document.body.classList.toggle('viewing', viewing);
const editor = createEditor({
  mount: byId('editor', HTMLElement),
  doc,
  awareness: provider.awareness,
  editable: !viewing,
});

showToolbar(editor);
showPeople(provider.awareness);
showDocuments(name);
showStatus(connection, (editable) => editor.setEditable(editable && !viewing));
showProof(connection);

document.title = `${name} · Quire`;
byId('document-name', HTMLSpanElement).textContent = name;
const openTab = byId('open-tab', HTMLAnchorElement);
openTab.href = linkTo(name);
openTab.addEventListener('click', () => {
  // A tab gets a copy of the session storage, and so the token, only from the tab that has opened it.
  openTab.rel = storedToken() === null ? 'noopener' : 'opener';
});
const copyLink = byId('copy-link', HTMLButtonElement);
copyLink.addEventListener('click', () => {
  // A page that another machine serves without TLS has no clipboard.
  if (!('clipboard' in navigator)) {
    prompt('The link to this document', linkTo(name));
    return;
  }
  void navigator.clipboard.writeText(linkTo(name)).then(() => {
    copyLink.textContent = 'Copied';
    setTimeout(() => (copyLink.textContent = 'Copy link'), 1500);
  });
});

// Another name in the URL means another document.
window.addEventListener('hashchange', () => location.reload());
