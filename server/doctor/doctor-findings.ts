/** The examination itself did not end as it should. */
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
    sentence: 'The stage "{at}" did not end within {seconds} s: each answer came, but all of them late.',
    advice: 'Look at the load of the server and at the line (packet loss), then run the doctor again.',
  },
} as const;
