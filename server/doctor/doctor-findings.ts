/** Faults of the examination itself. */
export const doctorFindings = {
  'doctor-failed': {
    stage: 'doctor',
    severity: 'error',
    sentence: 'The doctor itself failed at the stage "{at}": {reason}.',
    advice: 'This is a bug in Quire. Report it with this line; the stages before it found no error.',
  },
  'doctor-out-of-time': {
    stage: 'doctor',
    severity: 'error',
    sentence: 'The stage "{at}" did not end within {seconds} s: every answer came, but late.',
    advice: 'Check the load of the server and the network (packet loss), then run the doctor again.',
  },
} as const;
