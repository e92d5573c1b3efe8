/** Shows the snippet that the address asks for: `?editor=quill&server=ws://127.0.0.1:8080/sync&document=name`. */
const editors = import.meta.glob('./editors/*');
const name = new URLSearchParams(location.search).get('editor');
const [, load] = Object.entries(editors).find(([path]) => path.startsWith(`./editors/${name}.`));
await load();
