import { defined } from '../../../base/defined.ts'
import { formatNano } from '../../../base/nano.ts'
import type { NetworkBlobStatus } from '../../client/types.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { readInput } from '../input.ts'
import { SafeText } from '../text.ts'

type Json = Record<string, unknown>

interface Translation {
  /** the command here, when its name is not that of Walrus in kebab-case */
  name?: string
  /** options of Walrus's whose values are arguments here, in their order */
  operands?: readonly string[]
  /** options that are called otherwise here; those without a name mean nothing here */
  options?: Readonly<Record<string, string | undefined>>
  /** flags that make it what Walrus does */
  flags?: readonly string[]
  /** amounts, which are in FROST there and in WAL here */
  frost?: readonly string[]
  /** results as Walrus has them; one as it is and several as a list when absent */
  results?: (results: Json[], given: Json) => unknown
}

/** What Walrus's client says otherwise. */
const COMMANDS: Readonly<Record<string, Translation>> = {
  store: {
    operands: ['files'],
    flags: ['--no-quilt'],
    results: (results, given) =>
      given.dryRun === true
        ? results.map(({ file: _, endEpoch: _end, ...planned }) => planned)
        : results.map(({ file, blobId: _, ...blobStoreResult }) => ({ blobStoreResult, path: file })),
  },
  storeQuilt: { results: ([{ blobId: _, ...stored } = {}]) => stored },
  read: { operands: ['blobId'] },
  readQuilt: { results: results => results },
  listPatchesInQuilt: { operands: ['quiltId'] },
  blobStatus: { options: { timeout: undefined }, results: ([status], given) => statusJson(status, given) },
  blobId: {
    operands: ['file'],
    options: { nShards: 'shards' },
    results: ([found]) => ({ blobId: found?.blobId, file: found?.file, unencodedLength: found?.size }),
  },
  convertBlobId: { operands: ['blobIdDecimal'], results: ([found]) => ({ blobId: found?.blobId }) },
  listBlobs: { results: ([listed]) => listed?.blobs },
  delete: { results: results => results },
  burnBlobs: { results: results => results },
  extend: { operands: ['blobObjId'], options: { epochsExtended: 'epochs', shared: undefined } },
  share: { operands: ['blobObjId'], frost: ['amount'] },
  fundSharedBlob: { name: 'fund', operands: ['sharedBlobObjId', 'amount'], frost: ['amount'] },
  getBlobAttribute: { name: 'attributes get', operands: ['blobObjId'] },
  setBlobAttribute: { operands: ['blobObjId'], options: { attributes: 'attr' } },
  removeBlobAttribute: { operands: ['blobObjId'] },
  removeBlobAttributeFields: { name: 'attributes remove', operands: ['blobObjId', 'keys'] },
  info: {},
  storage: {},
  stake: { results: results => results },
  getWal: {},
  generateSuiWallet: {},
}
/** global options; Walrus's configuration files mean nothing here */
const GLOBALS: Readonly<Record<string, string | undefined>> = {
  network: 'network',
  wallet: 'wallet',
  config: undefined,
  context: 'context',
  gasBudget: undefined,
  json: undefined,
}
const IGNORED = ['encodingType']
const INPUT_LIMIT = { bytes: 2 ** 20, why: 'no command is that long' }

/** Runs a command as Walrus's client takes it in JSON mode; the answer is one JSON value on stdout. */
export async function json(context: Context, text: string | undefined): Promise<ExitCode> {
  const input = text ?? Buffer.from(await readInput('-', INPUT_LIMIT, context.signal)).toString('utf8')
  const { command, globals } = parse(input)
  const [key, given] = command
  const translation = COMMANDS[key]
  if (translation === undefined) {
    throw new CliError('USAGE', EXIT.usage, `There is no command "${key}" in JSON.`, {
      hint: `There are ${Object.keys(COMMANDS).join(', ')}.`,
    })
  }
  const isRaw = key === 'read' && given.out === undefined
  const flags = [...optionsOf(globals, GLOBALS), ...(isRaw ? [] : ['--json'])]
  const { code, stdout } = await runInside(context, argumentsOf(key, translation, given, flags))
  if (code !== EXIT.ok && stdout.length === 0) return code
  const answer = isRaw
    ? { blobId: given.blobId, blob: stdout.toString('base64') }
    : translated(translation, stdout.toString('utf8'), given)
  await context.output.bytes(Buffer.from(`${JSON.stringify(answer)}\n`))
  return code
}

function parse(text: string): { command: [string, Json]; globals: Json } {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, 'The command is not JSON.', { cause })
  }
  const { command, ...globals } = isObject(parsed) ? parsed : {}
  const [entry, ...others] = isObject(command) ? Object.entries(command) : []
  if (entry === undefined || others.length > 0 || !isObject(entry[1])) {
    throw new CliError('USAGE', EXIT.usage, 'It must have one command: {"command":{"NAME":{…}}}.', {
      hint: 'For example {"command":{"store":{"files":["a.txt"],"epochs":5}}}.',
    })
  }
  return { command: [entry[0], entry[1]], globals }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function argumentsOf(
  key: string,
  { name, operands = [], options = {}, flags: always = [], frost = [] }: Translation,
  given: Json,
  more: readonly string[],
): string[] {
  const { command, ...own } = given
  // `{"info":{"command":{"epoch":{}}}}`, `{"storage":{"command":{"split":{"objectId":"0x…","size":1}}}}`
  const [topic, inner] = isObject(command) ? (Object.entries(command)[0] ?? []) : []
  const rest = { ...own, ...(isObject(inner) && inner) }
  for (const amount of frost) if (rest[amount] != null) rest[amount] = walOf(rest[amount], amount)
  const values = operands.flatMap(operand => {
    const value = rest[operand]
    delete rest[operand]
    if (value === undefined || value === null) throw usage(`"${key}" needs "${operand}".`)
    return Array.isArray(value) ? value.map(one => textOf(one, operand)) : [textOf(value, operand)]
  })
  const ignored = Object.fromEntries(IGNORED.map(option => [option, undefined]))
  const names = { ...ignored, ...options }
  // behind --, so that no value is taken for an option
  const flags = [...optionsOf(rest, names), ...always, ...more]
  return [
    ...(name?.split(' ') ?? [kebab(key)]),
    ...(topic === undefined ? [] : [kebab(topic)]),
    ...flags,
    ...(values.length > 0 ? ['--', ...values] : []),
  ]
}

function optionsOf(given: Json, names: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(given).flatMap(([option, value]) => {
    if (value === null || value === undefined || value === false) return []
    const name = Object.hasOwn(names, option) ? names[option] : kebab(option)
    if (name === undefined) return []
    if (value === true) return [`--${name}`]
    const values = Array.isArray(value) ? value : [value]
    return values.map(
      one => `--${name}=${typeof one === 'object' ? JSON.stringify(one) : textOf(one, option)}`,
    )
  })
}

function textOf(value: unknown, option: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw usage(`"${option}" must be a text or a number.`)
}

function walOf(value: unknown, option: string): string {
  const text = textOf(value, option)
  if (/^\d{1,20}$/.test(text)) return formatNano(BigInt(text))
  throw usage(`"${option}" must be a whole number of FROST.`)
}

const kebab = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

const usage = (message: string) =>
  new CliError('USAGE', EXIT.usage, message, { hint: 'Options are those of the command line, in camelCase.' })

function translated({ results }: Translation, stdout: string, given: Json): unknown {
  const lines = stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Json)
  if (results !== undefined) return results(lines, given)
  return lines.length === 1 ? lines[0] : lines
}

/** Walrus's status of a blob. */
function statusJson(found: Json | undefined, { file }: Json): Json {
  const { blobId, status, endEpoch, initialCertifiedEpoch, deletable, event } = (found ??
    {}) as unknown as NetworkBlobStatus
  const certified = status === 'certified'
  const known = { initialCertifiedEpoch: initialCertifiedEpoch ?? null }
  const walrus =
    status === 'nonexistent' || status === 'ended'
      ? 'nonexistent'
      : status === 'invalid'
        ? { invalid: { event: event ?? null } }
        : deletable === true
          ? { deletable: known }
          : { permanent: { endEpoch, isCertified: certified, statusEvent: event ?? null, ...known } }
  return defined({ blobId, file, status: walrus })
}

/** Runs a command line of this program, and takes what it writes to stdout. */
async function runInside(context: Context, args: string[]): Promise<{ code: ExitCode; stdout: Buffer }> {
  const chunks: Buffer[] = []
  const stdout = {
    write(data: string | Uint8Array, ...rest: unknown[]) {
      chunks.push(Buffer.from(data))
      const done = rest.at(-1)
      if (typeof done === 'function') done()
      return true
    },
    on: () => stdout,
  }
  const stderr = {
    write(text: string) {
      context.output.say(SafeText.of(text.trimEnd()))
      return true
    },
    on: () => stderr,
  }
  const host = {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    cwd: () => context.cwd,
    on: (name: string, listener: () => void) =>
      name === 'SIGINT' && context.signal.addEventListener('abort', listener),
    off: (_: string, listener: () => void) => context.signal.removeEventListener('abort', listener),
    exit: () => {},
  }
  const code = await context.runInside(args, host)
  return { code, stdout: Buffer.concat(chunks) }
}
