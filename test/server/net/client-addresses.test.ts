import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { ClientAddresses } from '../../../server/net/client-addresses.ts';

const proxies = new BlockList();
proxies.addSubnet('10.0.0.0', 8, 'ipv4');
proxies.addAddress('2001:db8::5', 'ipv6');

const distrusted: string[] = [];
const addresses = new ClientAddresses(proxies, (peer) => distrusted.push(peer));

function addressOf(peer: string | undefined, forwardedFor?: string): string {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return addresses.of({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage);
}

test('behind trusted proxies the address is the last hop that is not a trusted proxy', () => {
  assert.equal(addressOf('10.0.0.1', '192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('::ffff:10.0.0.1', '192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('2001:db8::5', '198.51.100.1, 192.0.2.7,10.2.2.2'), '192.0.2.7');
  assert.equal(addressOf('10.0.0.1', '192.0.2.7:40000'), '192.0.2.7');
  assert.equal(addressOf('10.0.0.1', '[2001:db8::7]:443'), '2001:db8::7');
  assert.equal(addressOf('10.0.0.1', '10.0.0.9, 10.0.0.8'), '10.0.0.9');
});

test('addresses that a client writes into the header are ignored', () => {
  assert.equal(addressOf('10.0.0.1', '203.0.113.9, 192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf('10.0.0.1', `${'10.9.9.9,'.repeat(100)}192.0.2.7`), '192.0.2.7');
  assert.equal(addressOf('10.0.0.1', '203.0.113.9, nonsense'), '10.0.0.1');
  assert.equal(addressOf('10.0.0.1', ''), '10.0.0.1');
});

test('the header of a peer that is not a trusted proxy is ignored and reported', () => {
  assert.deepEqual(distrusted, []);
  assert.equal(addressOf('192.0.2.7', '203.0.113.9'), '192.0.2.7');
  assert.deepEqual(distrusted, ['192.0.2.7']);
  assert.equal(addressOf('192.0.2.7'), '192.0.2.7');
  assert.equal(addressOf(undefined), '');
  const trustNobody = new ClientAddresses(null, () => {});
  const request = { socket: { remoteAddress: '10.0.0.1' }, headers: { 'x-forwarded-for': '192.0.2.7' } };
  assert.equal(trustNobody.of(request as unknown as IncomingMessage), '10.0.0.1');
});

test('this machine, and proxies that forward no address, have no limit per address', () => {
  for (const address of ['', '127.0.0.1', '::1', '10.0.0.1']) assert.equal(addresses.keyOf(address), null);
  assert.equal(addresses.keyOf('192.0.2.7'), '192.0.2.7');
  assert.equal(addresses.keyOf('2001:db8:1:2:3::4'), '2001:db8:1:2::/64');
});
