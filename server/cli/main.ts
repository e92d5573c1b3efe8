#!/usr/bin/env node
import { Signals } from './signals.ts';

const args = process.argv.slice(2);
// Runs before the other modules are loaded, which takes a tenth of a second.
const signals = args[0] === 'serve' ? Signals.listen() : null;
const { run } = await import('./commands.ts');
await run(args, signals);
