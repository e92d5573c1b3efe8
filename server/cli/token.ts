import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';
import { AccessError } from '../auth/access-error.ts';
import { JwtAuthenticator } from '../auth/jwt-authenticator.ts';
import { FixedKeys } from '../auth/key-source.ts';
import { secretsOf } from '../auth/open-auth.ts';
import { secretKey } from '../auth/verify-key.ts';
import { jwtOf } from '../config/auth.ts';
import { ConfigError, readOptions } from '../config/config.ts';
import { duration, oneOf } from '../config/values.ts';
import { RefusedError } from '../errors.ts';
import { decodeDocumentName } from '../net/document-name.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The text of `quire token --help`. */
export const tokenUsage = [
  'quire token --document <name> [options]',
  'Prints a token for experiments. It is signed with the first secret of QUIRE_AUTH_SECRET,',
  '--auth-secret or --auth-secret-file, and contains --auth-issuer and --auth-audience.',
  '',
  '  --document <name>    exact, or a prefix that ends in *; may be repeated',
  '  --access <access>    read or write. Default: write.',
  '  --user <id>          Default: tester.',
  '  --name <name>        the name that other users see',
  '  --color <color>      the color of the cursor, such as #30bced',
  '  --lifetime <time>    Default: 1h.',
  '  --admin              allow the HTTP API',
] as const;

const own = {
  document: { type: 'string', multiple: true, default: [] as string[] },
  access: { type: 'string', default: 'write' },
  user: { type: 'string', default: 'tester' },
  name: { type: 'string' },
  color: { type: 'string' },
  lifetime: { type: 'string', default: '1h' },
  admin: { type: 'boolean', default: false },
} as const;

const shared = {
  'auth-secret': { type: 'string' },
  'auth-secret-file': { type: 'string' },
  'auth-issuer': { type: 'string' },
  'auth-audience': { type: 'string' },
} as const;

/** The token that `quire token` prints. Rejects with ConfigError or AuthSetupError. */
export async function makeToken(args: readonly string[], environment: Environment, nowMs: number): Promise<string> {
  const values = read(args);
  const access = checked('access', () => oneOf('read', 'write')(values.access));
  const lifetimeMs = checked('lifetime', () => duration(values.lifetime));
  if (values.document.length === 0 && !values.admin) {
    throw new ConfigError('The token needs a document. Use --document <name>, or --document "*" for all.');
  }
  // Read like `serve` does, so that the token fits a server that is started in the same environment.
  const flags = Object.keys(shared).flatMap((name) => {
    const value = values[name as keyof typeof shared];
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  const jwt = jwtOf(readOptions(flags, environment).values);
  const [secret] = secretsOf(jwt);
  if (secret === undefined) {
    throw new ConfigError('There is no secret to sign with. Set QUIRE_AUTH_SECRET, or use --auth-secret-file <file>.');
  }
  const verifyKey = checked('auth-secret', () => secretKey(secret));
  const payload = {
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.color === undefined ? {} : { color: values.color }),
    ...(values.admin ? { admin: true } : {}),
    documents: values.document.map((name) => ({ name, access })),
    sub: values.user,
    jti: randomUUID(),
    iat: Math.floor(nowMs / 1_000),
    exp: Math.floor((nowMs + lifetimeMs) / 1_000),
  };
  const token = new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
  if (jwt.issuer !== null) token.setIssuer(jwt.issuer);
  if (jwt.audience !== null) token.setAudience(jwt.audience);
  const signed = await token.sign(verifyKey.key);
  const authenticator = new JwtAuthenticator({ ...jwt, sources: [new FixedKeys([verifyKey])], now: () => nowMs });
  await tryOut(signed, values.document, authenticator);
  return signed;
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { ...own, ...shared } }).values;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.split('. ')[0]}. See quire token --help.`);
  }
}

/** Rejects with ConfigError if a server in the same environment would refuse the token, or one of its documents. */
async function tryOut(token: string, documents: readonly string[], authenticator: JwtAuthenticator): Promise<void> {
  try {
    for (const name of documents) {
      const docId = name.endsWith('*') ? `${name.slice(0, -1)}x` : name;
      decodeDocumentName(encodeURIComponent(docId));
      await authenticator.authenticate({ token, docId, origin: null, address: '' });
    }
    if (documents.length === 0) await authenticator.authenticateAdmin({ token, docId: '', origin: null, address: '' });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const reason = error instanceof AccessError ? error.why : error.message;
    throw new ConfigError(`The server would refuse this token: ${reason}.`, { cause: error });
  }
}

/** Errors of values complete "--<option> ...". */
function checked<T>(option: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError(`--${option} ${(error as Error).message}.`);
  }
}
