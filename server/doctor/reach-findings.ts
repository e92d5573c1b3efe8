/** Problems of reaching the port. */
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
    sentence: 'The name server failed to look up {host} ({reason}).',
    advice:
      'If other names work, ask the operator of the zone of this name (DNSSEC, delegation); otherwise check the network of this machine.',
  },
  'name-server-refused': {
    stage: 'name',
    severity: 'error',
    sentence: 'The name server refuses to answer for {host} (REFUSED).',
    advice:
      'The resolver does not serve this machine: check the addresses in /etc/resolv.conf, and the access list of that resolver.',
  },
  'name-server-unreachable': {
    stage: 'name',
    severity: 'error',
    sentence: 'Nothing listens at the address of the name server of this machine.',
    advice: 'Check the addresses in /etc/resolv.conf, and whether the local resolver (systemd-resolved, dnsmasq) runs.',
  },
  'name-server-silent': {
    stage: 'name',
    severity: 'error',
    sentence: 'No name server has answered within {seconds} s.',
    advice: 'Check the network of this machine and its resolver (/etc/resolv.conf); a firewall may block port 53.',
  },
  'name-server-slow': {
    stage: 'name',
    severity: 'warning',
    sentence:
      'The lookup of {host} takes more than {seconds} s on this machine, although a name server has the answer.',
    advice:
      'One of the name servers in /etc/resolv.conf does not answer, and every new connection waits for it: remove that server.',
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
      'Clients that try {broken} first wait in vain: let the server listen there too, or remove that address from the DNS.',
  },
  'tcp-one-address': {
    stage: 'tcp',
    severity: 'warning',
    sentence: 'Of the addresses of {host}, {address} does not answer: {reason}.',
    advice:
      'Some clients get this address: start the server that should listen there, or remove the address from the DNS.',
  },
} as const;
