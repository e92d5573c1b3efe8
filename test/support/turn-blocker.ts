import { turnBudgetMs } from '../../server/net/turn-budget.ts';
import type { TurnBudget } from '../../server/net/turn-budget.ts';

/** Computes for slightly longer than the turn budget. */
export function computeForATurn(): void {
  for (const end = performance.now() + turnBudgetMs + 1; performance.now() < end;);
}

/** Uses up `count` turns, this one included. Resolves when the last one is over and everything held was released. */
export async function blockTurns(turn: TurnBudget, count: number): Promise<void> {
  if (count === 0) return;
  turn.begin();
  computeForATurn();
  turn.end();
  for (let i = 1; i < count; i++) {
    turn.hold({
      release: () => {
        computeForATurn();
        turn.end();
      },
    });
  }
  await new Promise<void>((resolve) => turn.hold({ release: resolve }));
  while (turn.isFull) await new Promise(setImmediate);
}
