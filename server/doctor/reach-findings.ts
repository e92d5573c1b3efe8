import type { Diagnosis } from './diagnosis.ts';

/** What keeps a client from reaching the port at all. */
export const reachFindings = {
  'name-unknown': {
    stage: 'name',
    severity: 'error',
    sentence: 'The name {host} does not exist.',
    advice:
      'Look for a typing error; else add an A or AAAA record for it, and wait until the old answer has run out of caches.',
  },
  'name-without-address': {
    stage: 'name',
    severity: 'error',
    sentence: 'The name {host} exists, but has no address.',
    advice: 'Add an A record (IPv4), and an AAAA record (IPv6) if the server has such an address.',
  },
  'name-server-failed': {
    stage: 'name',
    severity: 'error',
    sentence: 'The name server could not say what {host} is ({reason}).',
    advice:
      'Check the network of this machine; if other names work, ask whoever runs the zone of this one (DNSSEC, delegation).',
  },
  'name-server-silent': {
    stage: 'name',
    severity: 'error',
    sentence: 'No name server has answered within {seconds} s.',
    advice: 'Check the network of this machine and its resolver (/etc/resolv.conf); a firewall may block port 53.',
  },
  'tcp-refused': {
    stage: 'tcp',
    severity: 'error',
    sentence: '{address} is there, but nothing listens on port {port}.',
    advice:
      'Start the server, or look where it listens: by default on 127.0.0.1 only (--host), on port 8443 (--port). In a container, publish the port.',
  },
  'tcp-timeout': {
    stage: 'tcp',
    severity: 'error',
    sentence: '{address} does not answer on port {port}: packets vanish.',
    advice:
      'A firewall or a security group drops them: allow TCP to port {port}. Or the address belongs to a machine that is off, or the server is overloaded.',
  },
  'tcp-unreachable': {
    stage: 'tcp',
    severity: 'error',
    sentence: 'There is no way from here to {address} ({reason}).',
    advice: 'Check the network, VPN and routes of this machine, and whether the address is the public one.',
  },
  'tcp-one-family': {
    stage: 'tcp',
    severity: 'warning',
    sentence: 'Over {works} the server answers, over {broken} ({address}) it does not: {reason}.',
    advice:
      'Clients that try {broken} first wait for nothing: let the server listen there too, or remove that address from the DNS.',
  },
  'tcp-one-address': {
    stage: 'tcp',
    severity: 'warning',
    sentence: 'Of the addresses of {host}, {address} does not answer: {reason}.',
    advice: 'A part of all clients meets it: start what should listen there, or remove the address from the DNS.',
  },
} as const satisfies Readonly<Record<string, Diagnosis>>;
