import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ChainError } from '../../../chain/errors.ts'
import type { Committees, NetworkConfig } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { Context } from '../../../node/cli/context.ts'
import { EXIT } from '../../../node/cli/errors.ts'
import { leave } from '../../../node/cli/node/leave.ts'
import { createNodeFolder } from '../../../node/storage/home/folder.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { networkFolder } from './support.ts'

const NODE = `0x${'9'.repeat(64)}` as ObjectId
const WAL = 1_000_000_000n

/** A node that nobody reaches. */
describe('floe node leave, of a node that cannot be asked', () => {
  let folder: Awaited<ReturnType<typeof networkFolder>>
  let clock: VirtualClock
  let said: string[]
  let saidAt: number[]
  before(async () => {
    folder = await networkFolder()
    const networkFile = join(folder.path, '.floe', 'network.json')
    await createNodeFolder({
      dir: join(folder.path, 'own'),
      name: 'mine',
      network: JSON.parse(await readFile(networkFile, 'utf8')) as NetworkConfig,
      networkFile: { path: networkFile },
      port: 1,
    })
  })
  after(() => folder.remove())

  /** How often the chain does not answer. */
  let failures = 0
  let onTwenty = (): void => {}
  const run = (wait: boolean, signal = new AbortController().signal) => {
    clock = new VirtualClock()
    said = []
    saidAt = []
    const current = fakeCommittee(2, 10)
    const committees = { epoch: current.epoch, state: { kind: 'done' }, current } as unknown as Committees
    const stake = { objectId: '0x1', nodeId: NODE, principalFrost: 900n * WAL, state: { kind: 'staked' } }
    const coordinator = {
      committees: async () => {
        if (failures-- > 0) throw new ChainError('RPC_UNAVAILABLE', 'nobody answers', { urls: [] } as never)
        return committees
      },
      operator: () => ({ capability: async () => ({ nodeId: NODE }) }),
      staker: () => ({ requestWithdrawal: async () => ({ stake }) }),
      stakes: async () => [stake],
      close: async () => undefined,
    }
    const context = {
      cwd: folder.path,
      env: {},
      parts: { coordinate: async () => coordinator },
      output: {
        say(text: object) {
          said.push(String(text))
          saidAt.push(clock.monotonic())
          if (said.length === 20) onTwenty()
        },
      },
      clock,
      signal,
    } as unknown as Context
    return leave(context, { dir: 'own', wait })
  }
  const silent = {
    code: 'NODE_SILENT',
    exitCode: EXIT.unavailable,
    message: /cannot be asked: it .+\. Notice of 900 WAL was given\.$/,
  }

  it('says that notice was given', async () => {
    await assert.rejects(run(false), silent)
    assert.deepEqual(said, [])
  })

  it('asks for five minutes before it gives the wait up', async () => {
    const waiting = assert.rejects(run(true), silent)
    await clock.advanceUntil(waiting, 1_000)
    assert.ok(clock.monotonic() >= 300_000)
    assert.match(said[0]!, /^mine cannot be asked: it .+\. It is asked again\.$/)
  })

  it('goes on when the chain does not answer, later and later, until it is told to stop', async () => {
    failures = 1
    await assert.rejects(run(false), { name: 'CliError', exitCode: EXIT.noNetwork })
    failures = 6
    const waiting = assert.rejects(run(true), silent)
    await clock.advanceUntil(waiting, 1_000)
    assert.ok(said.slice(0, 6).every(text => text.startsWith('The chain cannot be asked: nobody answers.')))
    assert.ok(!said[6]!.startsWith('The chain'))
    const pauses = saidAt.slice(1, 6).map((atMs, i) => atMs - saidAt[i]!)
    assert.deepEqual(pauses, [5_000, 10_000, 20_000, 40_000, 60_000])
    failures = Number.POSITIVE_INFINITY
    const stop = new AbortController()
    const stopped = assert.rejects(run(true, stop.signal), { name: 'AbortError' })
    const twenty = new Promise<void>(resolve => {
      onTwenty = resolve
    })
    await clock.advanceUntil(twenty, 60_000)
    stop.abort(new DOMException('Ctrl-C', 'AbortError'))
    await stopped
  })
})
