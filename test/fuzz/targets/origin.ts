import assert from 'node:assert/strict';
import { checkOrigin } from '../../../server/auth/origin-check.ts';
import { RefusedError } from '../../../server/errors.ts';
import type { FuzzTarget } from '../target.ts';

/** Host headers. */
const hosts = ['quire.example', 'quire.example:443', 'quire.example:8443', '[::1]:8443', 'QUIRE.example:80'];
const separator = '\n';

/** Origins and Host headers. Only pages of the same host, listed pages and, if allowed, pages of this machine pass. */
export const originTarget: FuzzTarget<string> = {
  seeds: () =>
    [
      'https://quire.example',
      'https://quire.example:8443',
      'http://QUIRE.example',
      'null',
      'http://localhost:5173',
      'http://127.0.0.1',
      'http://[::1]:8443',
      'https://quire.example.evil.example',
      'https://quire.example@evil.example',
      'http://localhost.evil.example',
      'http://127.0.0.1.evil.example',
    ].flatMap((origin) => hosts.map((host) => Buffer.from(`${origin}${separator}${host}`))),
  generate: null,
  decode(input) {
    const { origin, host } = read(input);
    const rule = { origins: ['https://app.example'], sameHost: true, loopback: false };
    if (passes(() => checkOrigin({ ...rule, loopback: true }, origin, undefined))) {
      if (passes(() => checkOrigin({ ...rule, sameHost: false }, origin, undefined))) return 'listed';
      return 'loopback';
    }
    checkOrigin(rule, origin, host);
    return 'same host';
  },
  refusal: (error) => (error instanceof RefusedError && error.code === 'forbidden' ? error.code : null),
  check(reason, input) {
    const { origin, host } = read(input);
    if (reason === 'listed') {
      assert.equal(origin.toLowerCase(), 'https://app.example', 'a page that is not listed');
      return reason;
    }
    const { hostname, host: shown, port, protocol } = new URL(origin);
    if (reason === 'loopback') {
      assert.match(hostname, /^(.*\.)?localhost$|^127\.\d+\.\d+\.\d+$|^\[::1\]$/, 'a page from elsewhere');
    } else {
      const withPort = port === '' ? `${hostname}:${protocol === 'https:' ? 443 : 80}` : shown;
      assert.ok([shown, withPort].includes(host.toLowerCase()), 'a page of another host');
    }
    return reason;
  },
};

function read(input: Uint8Array): { origin: string; host: string } {
  const [origin = '', host = ''] = Buffer.from(input).toString('latin1').split(separator, 2);
  return { origin, host };
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}
