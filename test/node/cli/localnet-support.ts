import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCoordinator } from '../../../chain/index.ts'
import type { BlobObject, FullCoordinator, NetworkConfig, Wallet } from '../../../chain/types/index.ts'
import { computeBlobId, confirmationMessage, metadataRoot, parseObjectId } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { BlobMetadata, Epoch, Persistence } from '../../../codec/types.ts'
import { loadNodeKeys, loadWallet, type NodeKeys } from '../../../node/keys.ts'
import { commandLine } from '../../support/command-line.ts'
import { floe, REAL_FLOE, type Running, spawnFloe } from './support.ts'

/** A line of JSON that `floe localnet` or another command printed. */
export type Json = ReturnType<typeof JSON.parse>

export interface LocalnetProcess extends Running {
  ready: Json
  /** ends it as a supervisor does; its exit code */
  stop(): Promise<number | null>
}

/** Starts `floe localnet` in the folder, and waits until it says that it is ready. */
export async function startLocalnetProcess(cwd: string, ...args: string[]): Promise<LocalnetProcess> {
  const running = spawnFloe(
    cwd,
    ['localnet', '--port', '0', '--dir', 'net', '--json', ...args],
    {},
    REAL_FLOE,
  )
  let text = ''
  running.child.stdout?.on('data', chunk => {
    text += chunk
  })
  while (!text.includes('\n')) {
    await Promise.race([once(running.child.stdout!, 'data'), running.ended])
    if (running.child.exitCode !== null) throw new Error((await running.ended).stderr)
  }
  return {
    ...running,
    ready: JSON.parse(text),
    async stop() {
      running.child.kill('SIGTERM')
      return (await running.ended).code
    },
  }
}

/** Runs `floe ARGS --json`: its exit code, and the last document it printed. */
export async function runJson(cwd: string, args: string[]): Promise<{ code: number; value: Json }> {
  return parsed(args, await commandLine(cwd, [...args, '--json']))
}

/** The same in a process of its own. */
export async function runJsonApart(
  cwd: string,
  args: string[],
): Promise<{ code: number | null; value: Json }> {
  return parsed(args, await floe(cwd, [...args, '--json'], { program: REAL_FLOE }))
}

function parsed<Code>(
  args: readonly string[],
  { code, stdout, stderr }: { code: Code; stdout: Buffer; stderr: string },
): { code: Code; value: Json } {
  const text = stdout.toString().trim() || stderr.trim()
  try {
    return { code, value: JSON.parse(text.split('\n').at(-1)!) }
  } catch {
    throw new Error(`no JSON from floe ${args.join(' ')}: ${text}`)
  }
}

/** The chain as its nodes and its user meet it. */
export interface Actors {
  coordinator: FullCoordinator
  user: Wallet
  /** Registers a blob for the user, and certifies it by the nodes' keys. */
  blob(tag: number, options: { epochs: number; deletable: boolean; certified?: boolean }): Promise<BlobObject>
  /** The nodes go to the next epoch. */
  nextEpoch(): Promise<void>
  close(): Promise<void>
}

const HALF_EPOCH_MS = 12 * 60 * 60 * 1000 + 1000

export async function actorsOf(cwd: string): Promise<Actors> {
  const dir = join(cwd, 'net')
  const network: NetworkConfig = JSON.parse(await readFile(join(dir, 'network.json'), 'utf8'))
  const adminToken = (await readFile(join(dir, 'localnet', 'admin-token'), 'utf8')).trim()
  const coordinator = createCoordinator(network)
  const [user, bls, ...nodes] = await Promise.all([
    loadWallet(join(dir, 'keys', 'user.sui.key')),
    loadBls(),
    ...['00', '01', '02', '03'].map(name => loadNodeKeys(join(dir, 'nodes', name, 'keys'))),
  ])
  const writer = coordinator.writer(user)

  async function certify(blob: BlobObject): Promise<void> {
    const { epoch, current } = await coordinator.committees({ fresh: true })
    const persistence: Persistence = blob.deletable
      ? { kind: 'deletable', objectId: blob.objectId }
      : { kind: 'permanent' }
    const message = confirmationMessage({ epoch, blobId: blob.blobId, persistence })
    const signatures = current.members.map(({ networkPublicKey }) =>
      bls.sign(keysOf(nodes, networkPublicKey).blsSecret, message),
    )
    const signers = current.members.map(({ index }) => index)
    const signature = bls.aggregateSignatures(signatures)
    await writer.certify(blob.objectId, { epoch, signers, message, signature })
  }

  return {
    coordinator,
    user,
    async blob(tag, { epochs, deletable, certified = true }) {
      const { blob } = await writer.register({
        metadata: metadataOf(network.nShards!, tag),
        epochs,
        deletable,
      })
      if (certified) await certify(blob)
      return blob
    },
    async nextEpoch() {
      const operators = nodes.map(({ wallet }) => coordinator.operator(wallet))
      const { epoch } = await coordinator.system()
      await advanceClock(network, adminToken, HALF_EPOCH_MS)
      await operators[0]!.votingEnd()
      await advanceClock(network, adminToken, HALF_EPOCH_MS)
      await operators[0]!.initiateEpochChange()
      await Promise.all(operators.map(operator => operator.epochSyncDone((epoch + 1) as Epoch)))
    },
    close: () => coordinator.close(),
  }
}

function keysOf(nodes: readonly NodeKeys[], networkPublicKey: Uint8Array): NodeKeys {
  const found = nodes.find(keys => Buffer.from(keys.networkPublicKey).equals(networkPublicKey))
  assert.ok(found)
  return found
}

async function advanceClock({ suiRpc }: NetworkConfig, token: string, ms: number): Promise<void> {
  const response = await fetch(`${suiRpc[0]}/admin/advance-clock`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ ms }),
  })
  assert.equal(response.ok, true)
}

/** Metadata of a blob that nobody encoded: the chain sees only its hashes. */
function metadataOf(nShards: number, tag: number): BlobMetadata {
  const hashes = new Uint8Array(nShards * 64).fill(tag)
  const unencodedLength = 1000 + tag
  const blobId = computeBlobId(unencodedLength, metadataRoot({ hashes, nShards }))
  return { blobId, encodingType: 'RS2', unencodedLength, nShards, hashes }
}

export const NOBODY = parseObjectId('0xdead')
