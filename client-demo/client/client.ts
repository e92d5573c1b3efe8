/** What a page needs besides a Yjs provider: is it saved, was it refused, and does it stay authorized? */
export { keepAuthorized } from './authorized.ts';
export { trackSaved } from './saved.ts';
export type { SavedState, SavedTracker } from './saved.ts';
export { onRefused } from './refused.ts';
export type { Refusal } from './refused.ts';
export { guardPresence } from './presence.ts';
