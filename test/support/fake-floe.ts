/**
 * The command line with a network in memory, as a process of its own. Blobs are kept in the folder FAKE_FLOE_DIR, so that
 * one process can read what another stored. FAKE_FLOE_FAIL=CODE makes every operation fail, FAKE_FLOE_HANG=1 hang;
 * FAKE_FLOE_PIECE_BYTES=N gives blobs in pieces, FAKE_FLOE_STALL_AFTER=N no more than so many of their bytes;
 * FAKE_FLOE_READY=1 tells on stderr when signals are handled.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import { parseBlobId, parseObjectId } from '../../codec/index.ts'
import type { Parts } from '../../node/cli/context.ts'
import { runCli } from '../../node/cli/run.ts'
import { ClientError, type ClientErrorCode, type ClientErrorDetails } from '../../node/client/errors.ts'
import { createGateway } from '../../node/gateway/index.ts'
import { createFakeClient, type Operation } from './fake-client.ts'

const dir = process.env.FAKE_FLOE_DIR ?? '.'
const OPERATIONS: Operation[] = ['store', 'read', 'open', 'status', 'info']

function connect() {
  const { FAKE_FLOE_PIECE_BYTES, FAKE_FLOE_STALL_AFTER } = process.env
  const client = createFakeClient({
    ...(FAKE_FLOE_PIECE_BYTES && { pieceBytes: Number(FAKE_FLOE_PIECE_BYTES) }),
    ...(FAKE_FLOE_STALL_AFTER && {
      stallAfterBytes: Number(FAKE_FLOE_STALL_AFTER),
      onStall: () => process.stderr.write('begun\n'),
    }),
  })
  const folder = join(dir, 'blobs')
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder))
    client.blobs.set(parseBlobId(name), readFileSync(join(folder, name)))
  const code = process.env.FAKE_FLOE_FAIL as ClientErrorCode | undefined
  for (const operation of OPERATIONS) {
    if (code !== undefined) {
      const details = { answeredShards: 10, neededShards: 34 } as unknown as ClientErrorDetails[typeof code]
      client.fail(operation, new ClientError(code, `it failed by ${code}`, details))
    }
    if (process.env.FAKE_FLOE_HANG) {
      client.hold(operation)
      client.begun(operation, 1).then(() => process.stderr.write('begun\n'))
    }
  }
  return {
    ...client,
    async close() {
      for (const [blobId, data] of client.blobs) writeFileSync(join(folder, blobId), data)
    },
  }
}

if (process.env.FAKE_FLOE_READY) {
  process.on('newListener', event => event === 'SIGTERM' && process.stderr.write('ready\n'))
}

const parts: Parts = {
  async connect() {
    const client = connect()
    // a wait for nothing would let the process end
    const awake =
      process.env.FAKE_FLOE_HANG || process.env.FAKE_FLOE_STALL_AFTER
        ? setInterval(() => {}, 1000)
        : undefined
    return {
      ...client,
      async close() {
        clearInterval(awake)
        await client.close()
      },
    }
  },
  async coordinate(network) {
    const { createCoordinator } = await import('../../chain/index.ts')
    return createCoordinator(network)
  },
  async startLocalnet(options) {
    const { startLocalnet } = await import('../../node/cli/localnet.ts')
    return await startLocalnet(options)
  },
  async startDevnet({ port, nodes, shards }) {
    const client = createFakeClient({ nShards: shards })
    const systemObjectId = parseObjectId('0x51')
    const gateway = createGateway({
      client,
      port,
      network: { name: 'localnet', kind: 'localnet', systemObjectId },
    })
    await gateway.start()
    return {
      gatewayUrl: gateway.url,
      network: {
        schemaVersion: 1,
        name: 'localnet',
        kind: 'localnet',
        suiRpc: ['http://127.0.0.1:1'],
        faucet: 'http://127.0.0.1:2',
        systemObjectId,
        stakingObjectId: parseObjectId('0x57'),
        walType: '0x1::wal::WAL',
        peers: Array.from({ length: nodes }, (_, i) => ({
          peerId: `peer-${i}`,
          multiaddrs: [`/ip4/127.0.0.1/tcp/${i}`],
        })),
      },
      async close() {
        if (process.env.FAKE_FLOE_HANG) await new Promise(() => {})
        await gateway.stop()
      },
    }
  },
  createLog: async () => silentLog(),
}

process.exitCode = await runCli(process.argv.slice(2), parts)
