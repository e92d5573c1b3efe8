import type { DoctorDeps } from '../../server/doctor/examination.ts';
import { guardMs } from '../support/deadline.ts';

/** Every name resolves to this machine, round trips take no time, and steps do not time out on a busy machine. */
export const patientDeps: DoctorDeps = {
  lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
  now: Date.now,
  monotonicMs: () => 0,
  stepTimeoutMs: guardMs,
  idleMs: null,
  proxyIdleMs: 60_000,
};
