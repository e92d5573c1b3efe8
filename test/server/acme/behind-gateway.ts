import type { TestContext } from 'node:test';
import { AcmeHarness } from '../../support/acme-harness.ts';
import type { Fault, GatewayRequest } from '../../support/faulty-gateway.ts';
import { FaultyGateway } from '../../support/faulty-gateway.ts';
import { freePort } from '../../support/free-port.ts';
import { Pebble } from '../../support/pebble.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** What the certificates are for. */
export const name = 'docs.example.test';

/** A TLS port, and an authority for its certificates behind a gateway. */
export async function setUp(t: TestContext, fault: (request: GatewayRequest) => Fault = () => null) {
  const [port, httpPort] = [await freePort(), await freePort()];
  const pebble = await Pebble.start(t, { tlsPort: port, httpPort });
  const gateway = await FaultyGateway.start(t, pebble.directoryUrl, pebble.ca);
  gateway.fault = fault;
  const { directoryUrl, ca } = gateway;
  const harness = await AcmeHarness.start(t, { folder: tempFolder(t), directoryUrl, ca, names: [name], port });
  return { gateway, harness, port };
}

/** An answer that says what is wrong. */
export const problem = (status: number, type: string, detail: string, headers = {}): Fault => ({
  status,
  headers: { 'Content-Type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail }),
});
