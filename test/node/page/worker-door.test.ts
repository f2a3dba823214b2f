import assert from 'node:assert/strict'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import type { Report } from '../../../node/page/messages.ts'
import type { PageReader } from '../../../node/page/page-reader.ts'
import { createWorkerDoor } from '../../../node/page/worker-door.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const START = {
  kind: 'start',
  network: {} as NetworkConfig,
  page: { isSecure: false, dialsPrivate: true },
} as const

describe("a page's worker", () => {
  let reports: Report[]
  let heard: { wanted: string; resolve: () => void } | undefined
  beforeEach(() => {
    reports = []
    heard = undefined
  })
  const door = (read: PageReader['read'], create?: () => Promise<PageReader>) =>
    createWorkerDoor({
      clock: new VirtualClock(),
      random: () => 0,
      send(report) {
        reports.push(report)
        if (report.kind === heard?.wanted) heard.resolve()
      },
      create:
        create ??
        (async () => ({
          committee: { epoch: 7 as Epoch, nShards: 10, members: [] },
          rpcs: [],
          read,
          close: async () => undefined,
        })),
    })
  const until = (wanted: Report['kind']) =>
    new Promise<void>(resolve => {
      heard = { wanted, resolve }
    })

  it('reads what it is told to, in copies of its own', async () => {
    const whole = new Uint8Array([1, 2, 3, 4])
    const worker = door(async function* (_, { onFound }) {
      onFound?.(4)
      yield whole.subarray(0, 1)
      yield whole.subarray(1)
    })
    worker.take(START)
    const done = until('done')
    worker.take({ kind: 'read', id: 5, blobId: 'b' })
    await done
    assert.deepEqual(reports, [
      { kind: 'ready', epoch: 7, nodes: 0, shards: 10, rpcs: [] },
      { kind: 'found', id: 5, size: 4 },
      { kind: 'piece', id: 5, bytes: new Uint8Array([1]) },
      { kind: 'piece', id: 5, bytes: new Uint8Array([2, 3, 4]) },
      { kind: 'done', id: 5, durationMs: 0 },
    ])
    assert.deepEqual([...whole], [1, 2, 3, 4])
  })

  it('stops what is cancelled, and nothing else', async () => {
    const signals: AbortSignal[] = []
    const begun = Promise.withResolvers<void>()
    const worker = door(async function* (_, { signal }) {
      signals.push(signal)
      if (signals.length === 2) begun.resolve()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield new Uint8Array()
    })
    worker.take(START)
    worker.take({ kind: 'read', id: 1, blobId: 'a' })
    worker.take({ kind: 'read', id: 2, blobId: 'b' })
    await begun.promise
    const failed = until('failed')
    worker.take({ kind: 'cancel', id: 1 })
    await failed
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
    assert.deepEqual(reports.at(-1), { kind: 'failed', id: 1, code: 'CANCELLED', message: 'cancelled' })
  })

  it('closes its reader when it is started again, and tells of the last one only', async () => {
    const closed: number[] = []
    const late = Promise.withResolvers<void>()
    let created = 0
    const worker = door(
      () => assert.fail(),
      async () => {
        const epoch = ++created as Epoch
        if (epoch === 1) await late.promise
        return {
          committee: { epoch, nShards: 10, members: [] },
          rpcs: [],
          read: () => assert.fail(),
          async close() {
            closed.push(epoch)
            if (epoch === 2) both.resolve()
          },
        } as unknown as PageReader
      },
    )
    const both = Promise.withResolvers<void>()
    worker.take(START)
    worker.take(START)
    late.resolve()
    const ready = until('ready')
    worker.take(START)
    await Promise.all([ready, both.promise])
    assert.deepEqual(closed.sort(), [1, 2])
    assert.deepEqual(reports, [{ kind: 'ready', epoch: 3, nodes: 0, shards: 10, rpcs: [] }])
  })

  it('says when the chain is not there, and why', async () => {
    const worker = door(
      () => assert.fail(),
      async () => {
        throw Object.assign(new Error('Sui does not answer'), { code: 'CHAIN_UNAVAILABLE' })
      },
    )
    const down = until('down')
    worker.take(START)
    await down
    const reason = { code: 'CHAIN_UNAVAILABLE', message: 'Sui does not answer' }
    assert.deepEqual(reports, [{ kind: 'down', ...reason }])
    const failed = until('failed')
    worker.take({ kind: 'read', id: 1, blobId: 'a' })
    await failed
    assert.deepEqual(reports.at(-1), { kind: 'failed', id: 1, ...reason })
  })
})
