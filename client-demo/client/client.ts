/**
 * Helpers for a page with a stock Yjs provider: saved state, refusals, tokens, and checks of other clients' presence.
 */
export { keepAuthorized } from './authorized.ts';
export { trackSaved } from './saved.ts';
export type { SavedState, SavedTracker } from './saved.ts';
export { onRefused } from './refused.ts';
export type { Refusal } from './refused.ts';
export { guardPresence } from './presence.ts';
