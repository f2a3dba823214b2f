import assert from 'node:assert/strict'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { serveControl } from '../../../node/storage/home/control.ts'
import type { NodeStatus } from '../../../node/storage/home/node-status.ts'
import { floe, networkFolder, REAL_FLOE } from './support.ts'

const held = { peerId: '12D3KooWheld', address: '/ip4/192.0.2.1/tcp/1', state: 'held', chosen: true } as const
const status: NodeStatus = {
  peerId: '12D3KooWnode',
  reach: 'private',
  multiaddrs: ['/ip4/192.0.2.1/tcp/1/p2p/12D3KooWheld/p2p-circuit/p2p/12D3KooWnode'],
  relays: [
    { ...held, latencyMs: 20, load: 0.5 },
    { ...held, peerId: '12D3KooWfull', state: 'waiting', chosen: false, reason: 'full', retryInMs: 60_000 },
  ],
  paths: { direct: 1, relayed: 2 },
  traffic: [
    {
      peer: '12D3KooWpeer',
      path: 'relay 12D3KooWheld',
      up: { bytes: 2048, bytesPerSecond: 1024 },
      down: { bytes: 4096, bytesPerSecond: 0 },
    },
  ],
  punches: { succeeded: 3, failed: 1 },
  bandwidth: {
    quiet: false,
    waiting: { up: 0, down: 0 },
    moved: { up: 1024, down: 2048 },
    paths: { direct: { up: 1024, down: 2048 }, relayed: { up: 0, down: 0 } },
    month: { month: '2026-11', bytes: 3072, limitBytes: 4096, usedUp: false },
  },
}

describe('floe node status', function () {
  this.timeout(180_000)
  let folder: Awaited<ReturnType<typeof networkFolder>>
  let end: (() => Promise<void>) | undefined
  before(async () => {
    folder = await networkFolder()
    assert.equal((await floe(folder.path, ['node', 'init', '--dir', 'n'], { program: REAL_FLOE })).code, 0)
  })
  afterEach(async () => {
    await end?.()
    end = undefined
  })
  after(() => folder.remove())

  const serve = async (answer: NodeStatus) => {
    const backup = () => assert.fail('nobody asked for a backup')
    const prepareNetworkKey = () => assert.fail('nobody asked for a key')
    const commands = { backup, prepareNetworkKey, status: () => answer }
    end = await serveControl(join(folder.path, 'n'), commands, { clock: systemClock, log: silentLog() })
  }
  const ask = (...flags: string[]) =>
    floe(folder.path, ['node', 'status', '--dir', 'n', ...flags], { program: REAL_FLOE })

  it('says so when the node does not run', async () => {
    const { code, stderr } = await ask()
    assert.equal(code, 5)
    assert.match(stderr, /does not run/)
  })

  it('tells what the running node says', async () => {
    await serve(status)
    const { code, stdout } = await ask()
    assert.equal(code, 0)
    const text = stdout.toString()
    assert.match(text, /12D3KooWheld: reserved, .*load 50 %/)
    assert.match(text, /12D3KooWfull: waiting, full, asked again in/)
    assert.match(text, /1 direct, 2 over relays/)
    const json = await ask('--json')
    assert.deepEqual(JSON.parse(json.stdout.toString()), status)
  })

  it('fails when nobody reaches the node', async () => {
    await serve({ ...status, multiaddrs: [] })
    assert.equal((await ask()).code, 5)
  })
})
