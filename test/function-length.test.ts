import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const FOLDERS = ['base', 'codec', 'protocols', 'chain', 'node']
const MAX_LINES = 70 // of code: blank lines and comments are not counted

/** The functions that are longer, each with the reason why it is one function. */
const LONG: Readonly<Record<string, string>> = {
  'base/http/connections.ts createConnections': 'a factory: methods over one set of connections',
  'chain/localnet/rpc/reflection/describe.ts describe': 'one walk over the types, with the tables it fills',
  'chain/localnet/rpc/server.ts startServer':
    'a start in order: what was opened is closed when a later step fails',
  'chain/localnet/rpc/services/history.ts historyService': 'a service is an object of methods, one per RPC',
  'chain/localnet/rpc/services/ledger.ts ledgerService': 'a service is an object of methods, one per RPC',
  'chain/localnet/vm/format/parse.ts parseModule': "the format's tables in their order",
  'chain/localnet/vm/interpreter.ts run': 'the jump table: one loop, whose registers are local variables',
  'chain/localnet/vm/translate/reference-safety.ts #results':
    'a rule per instruction, as in the verifier of Move',
  'chain/localnet/vm/type-table.ts createTypeTable': 'a factory: methods over one table',
  'node/client/client.ts composeClient': 'the composition root of a client',
  'node/client/download/blob-handle.ts createBlobHandle': 'a factory: methods over one blob',
  'node/client/download/find-metadata.ts findMetadata': 'one race, whose askers share what was heard so far',
  'node/client/upload/send-and-certify.ts sendAndCertify': 'the steps of an upload in their order',
  'node/client/upload/upload-leases.ts createUploadLeases': 'a factory: methods over one set of leases',
  'node/devnet/devnet.ts startDevnet': 'the composition root of a devnet',
  'node/http/gate.ts createGate': 'a factory: methods over one count of what runs and waits',
  'node/metrics.ts createMetrics': 'the list of the metrics',
  'node/network/admission.ts createAdmission': 'a factory: methods over one count of connections',
  'node/network/member-gossip.ts memberGossip': 'a factory: methods over one set of subscriptions',
  'node/relay/relay.ts createRelay': 'a factory: methods over one relay',
  'node/storage/custody/certificates.ts createCertificateService':
    'a factory: methods over one set of certificates',
  'node/storage/events/sweeper.ts createSweeper': 'a factory: methods over one sweep',
  'node/storage/compose-node.ts composeNode': 'the services of a storage node in their order',
  'node/storage/node.ts createStorageNode': 'what a storage node opens, in its order',
  'protocols/rpc/serve-protocol.ts serveProtocol':
    'one handler, whose streams share limits and the controller that stops them',
}

interface Report {
  diagnostics: { location: { path: string; start: { line: number } } }[]
}

/** The functions of the folders that are too long, as file and name. */
async function longFunctions(): Promise<string[]> {
  const config = await mkdtemp(join(tmpdir(), 'floe-function-length-'))
  try {
    const rules = {
      complexity: { noExcessiveLinesPerFunction: { level: 'error', options: { maxLines: MAX_LINES } } },
    }
    const files = { includes: ['**', '!**/assembly', '!**/build'] }
    await writeFile(join(config, 'biome.json'), JSON.stringify({ files, linter: { rules } }))
    const biome = join(ROOT, 'node_modules', '.bin', 'biome')
    const options = ['--only=complexity/noExcessiveLinesPerFunction', '--reporter=json']
    const args = ['lint', `--config-path=${config}`, ...options, '--max-diagnostics=none', ...FOLDERS]
    const output = await new Promise<string>(done => {
      // it leaves with 1 when it finds any: what it printed tells
      execFile(biome, args, { cwd: ROOT, maxBuffer: 16 * 2 ** 20, timeout: 60_000 }, (_, stdout) =>
        done(stdout),
      )
    })
    const { diagnostics } = JSON.parse(output) as Report
    return await Promise.all(
      diagnostics.map(async ({ location: { path, start } }) => {
        const line = (await readFile(join(ROOT, path), 'utf8')).split('\n')[start.line - 1]!
        const [, name] = /^\s*(?:(?:export|async|const|function\*?) )*(#?[\w$]+)/.exec(line) ?? []
        return `${path} ${name}`
      }),
    )
  } finally {
    await rm(config, { recursive: true, force: true })
  }
}

describe('function length', () => {
  it(`is at most ${MAX_LINES} lines, but for a list with reasons`, async () => {
    assert.deepEqual((await longFunctions()).sort(), Object.keys(LONG).sort())
  })
})
