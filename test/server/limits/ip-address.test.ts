import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { addressKeyOf, contains, isLoopbackAddress, readAddress } from '../../../server/limits/ip-address.ts';

test('an address is read without its zone, and an IPv4-mapped address as IPv4', () => {
  assert.equal(readAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(readAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(readAddress('::FFFF:c000:0201'), '192.0.2.1');
  assert.equal(readAddress('fe80::1%eth0'), 'fe80::1');
  for (const text of ['', 'unknown', '1.2.3', '1.2.3.4:80', '[::1]', ':::', '1.2.3.4.5']) {
    assert.equal(readAddress(text), null, text);
  }
});

test('an IPv4 address, or the /64 of an IPv6 address, counts as one address', () => {
  assert.equal(addressKeyOf('192.0.2.1'), '192.0.2.1');
  assert.equal(addressKeyOf('::ffff:192.0.2.1'), '192.0.2.1');
  const key = '2001:db8:0:7::/64';
  for (const address of [
    '2001:db8:0:7::1',
    '2001:0DB8:0:0007:ffff:1:2:3',
    '2001:db8::7:0:0:0:1',
    '2001:db8:0:7::1.2.3.4',
  ]) {
    assert.equal(addressKeyOf(address), key, address);
  }
  assert.notEqual(addressKeyOf('2001:db8:0:8::1'), key);
  assert.equal(addressKeyOf('::1'), '0:0:0:0::/64');
  assert.equal(addressKeyOf(''), '');
});

test('loopback addresses are recognized in every notation', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1']) assert.ok(isLoopbackAddress(address));
  for (const address of ['128.0.0.1', '::2', '1::1', '']) assert.ok(!isLoopbackAddress(address), address);
});

test('a list holds addresses and ranges of both kinds', () => {
  const list = new BlockList();
  list.addSubnet('10.0.0.0', 8, 'ipv4');
  list.addSubnet('fd00::', 8, 'ipv6');
  for (const address of ['10.1.2.3', 'fd12::1']) assert.ok(contains(list, address), address);
  for (const address of ['11.0.0.1', 'fe80::1', '', 'unknown']) assert.ok(!contains(list, address), address);
});
