import type { TestContext } from 'node:test';
import { AcmeHarness } from '../../support/acme-harness.ts';
import type { Fault, GatewayRequest } from '../../support/faulty-gateway.ts';
import { FaultyGateway } from '../../support/faulty-gateway.ts';
import { freePort } from '../../support/free-port.ts';
import type { Owner } from '../../support/owner.ts';
import { Pebble } from '../../support/pebble.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** The name in the certificates. */
export const name = 'docs.example.test';

/** An authority, and the port at which it validates challenges. */
export interface SharedAuthority {
  readonly pebble: Pebble;
  readonly port: number;
}

/** Starts an authority that the tests of a file share, one at a time. */
export async function startAuthority(owner: Owner): Promise<SharedAuthority> {
  const [port, httpPort] = [await freePort(), await freePort()];
  return { pebble: await Pebble.start(owner, { tlsPort: port, httpPort }), port };
}

/** A TLS port, and an authority for its certificates behind a gateway. */
export async function setUp(
  t: TestContext,
  { pebble, port }: SharedAuthority,
  fault: (request: GatewayRequest) => Fault = () => null,
) {
  const gateway = await FaultyGateway.start(t, pebble.directoryUrl, pebble.ca);
  gateway.fault = fault;
  const { directoryUrl, ca } = gateway;
  const harness = await AcmeHarness.start(t, { folder: tempFolder(t), directoryUrl, ca, names: [name], port });
  return { gateway, harness, port };
}

/** A problem document as an answer. */
export const problem = (status: number, type: string, detail: string, headers = {}): Fault => ({
  status,
  headers: { 'Content-Type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail }),
});
