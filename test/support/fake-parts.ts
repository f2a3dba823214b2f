import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { parseBlobId, parseObjectId } from '../../codec/index.ts'
import type { Parts } from '../../node/cli/context.ts'
import { ClientError, type ClientErrorCode, type ClientErrorDetails } from '../../node/client/errors.ts'
import { createGateway } from '../../node/gateway/index.ts'
import { createFakeClient, type Operation } from './fake-client.ts'

type Env = Readonly<Record<string, string | undefined>>

const OPERATIONS: Operation[] = ['store', 'read', 'open', 'status', 'info']

function connect(dir: string, env: Env) {
  const { FAKE_FLOE_PIECE_BYTES, FAKE_FLOE_STALL_AFTER } = env
  const client = createFakeClient({
    pieceBytes: FAKE_FLOE_PIECE_BYTES ? Number(FAKE_FLOE_PIECE_BYTES) : undefined,
    stallAfterBytes: FAKE_FLOE_STALL_AFTER ? Number(FAKE_FLOE_STALL_AFTER) : undefined,
    onStall: () => process.stderr.write('begun\n'),
  })
  const folder = join(dir, 'blobs')
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder))
    client.blobs.set(parseBlobId(name), readFileSync(join(folder, name)))
  const code = env.FAKE_FLOE_FAIL as ClientErrorCode | undefined
  for (const operation of OPERATIONS) {
    if (code !== undefined) {
      const details = { answeredShards: 10, neededShards: 34 } as unknown as ClientErrorDetails[typeof code]
      client.fail(operation, new ClientError(code, `it failed by ${code}`, details))
    }
    if (env.FAKE_FLOE_HANG) {
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

/** What a command line with a network in memory is made of; blobs are kept in the folder. */
export const fakeParts = (dir: string, env: Env = {}): Parts => ({
  async connect() {
    const client = connect(dir, env)
    // a wait for nothing would let the process end
    const awake = env.FAKE_FLOE_HANG || env.FAKE_FLOE_STALL_AFTER ? setInterval(() => {}, 1000) : undefined
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
    const { startLocalnet } = await import('../../node/cli/networks/localnet.ts')
    return await startLocalnet(options)
  },
  async startDevnet({ port, nodes, shards, gateway: init }) {
    const client = createFakeClient({ nShards: shards })
    const systemObjectId = parseObjectId('0x51')
    const gateway = createGateway({
      client,
      port,
      ...init,
      network: { name: 'localnet', kind: 'localnet', systemObjectId },
    })
    await gateway.start()
    return {
      gatewayUrl: gateway.url,
      nodes: [],
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
        if (env.FAKE_FLOE_HANG) await new Promise(() => {})
        await gateway.stop()
      },
    }
  },
  runNode: async () => {
    throw new Error('there are no storage nodes here')
  },
  runRelay: async () => {
    throw new Error('there is no relay here')
  },
  runGateway: async () => {
    throw new Error('there is no gateway here')
  },
  createLog: async () => silentLog(),
  clock: systemClock,
})
