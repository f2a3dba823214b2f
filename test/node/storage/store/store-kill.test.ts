import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { blobIdFromBytes, pairOfShard } from '../../../../codec/index.ts'
import type { ShardIndex } from '../../../../codec/types.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import type { Records } from '../../../../node/storage/store/records.ts'
import { expectAgreement } from '../../../support/pack-accounts.ts'
import { ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const ROOT = resolve(import.meta.dirname, '..', '..', '..', '..')
const N = 10
const network = `0x${'1'.repeat(64)}`
const SHARD = 3 as ShardIndex

/** The pair of the shard, of the blob with this number: bytes that follow from it. */
const sliversOf = (number: number) => {
  const blobId = blobIdFromBytes(Buffer.alloc(32, number))
  return (['primary', 'secondary'] as const).map(axis => ({
    blobId,
    ref: ref(pairOfShard(SHARD, blobId, N), axis),
    bytes: Buffer.alloc(1_000 + number, number),
  }))
}
const stored = [1, 2, 3, 4, 5, 6, 7]

/** What is going on when the process is killed, and which blobs there may be afterwards. */
const OPERATIONS: Record<string, { run: string; before: number[]; after: number[] }> = {
  put: {
    run: 'await Promise.all(slivers(8).map(({ blobId, ref, bytes }) => store.slivers.put(blobId, ref, bytes)))',
    before: stored,
    after: [...stored, 8],
  },
  'put in the index': {
    run: 'await Promise.all(slivers(8).map(({ blobId, ref, bytes }) => store.slivers.put(blobId, ref, bytes)))',
    before: stored,
    after: [...stored, 8],
  },
  putMany: {
    run: 'await store.slivers.putMany([8, 9].flatMap(slivers))',
    before: stored,
    after: [...stored, 8, 9],
  },
  delete: {
    run: 'await store.slivers.delete(slivers(7)[0].blobId)',
    before: stored,
    after: stored.slice(0, 6),
  },
  deleteShard: { run: 'await store.slivers.deleteShard(3)', before: stored, after: [] },
  rewrite: {
    run: `for (const i of [1, 2, 3, 4]) await store.slivers.delete(slivers(i)[0].blobId)
      // on another round of the loop each wait is over
      armed = true
      goOn()
      await new Promise(resolve => setTimeout(resolve, 60_000))`,
    before: [5, 6, 7],
    after: [5, 6, 7],
  },
}
/** Where it is killed; the first and the last batch of the index tell of files that are pending. */
const POINTS: Record<string, string[]> = {
  put: ['begun', 'written', 'renamed', 'indexed'],
  'put in the index': ['indexing', 'indexed'],
  putMany: ['begun', 'written', 'renamed', 'indexed'],
  delete: ['indexed', 'removed'],
  deleteShard: ['indexed', 'removed'],
  rewrite: ['begun', 'written', 'renamed', 'indexed', 'removed'],
}

const script = (path: string, operation: string, point: string) => `
  const { openNodeStore } = await import(${JSON.stringify(pathToFileURL(join(ROOT, 'node/storage/store/node-store.ts')).href)})
  const { Clock } = await import(${JSON.stringify(pathToFileURL(join(ROOT, 'base/clock.ts')).href)})
  const { blobIdFromBytes, pairOfShard } = await import(${JSON.stringify(pathToFileURL(join(ROOT, 'codec/index.ts')).href)})
  const { existsSync } = await import('node:fs')
  const slivers = number => {
    const blobId = blobIdFromBytes(Buffer.alloc(32, number))
    return ['primary', 'secondary'].map(axis => ({
      blobId,
      ref: { axis, pair: pairOfShard(${SHARD}, blobId, ${N}) },
      bytes: Buffer.alloc(1_000 + number, number),
    }))
  }
  let armed = false
  const die = at => {
    if (armed && at === ${JSON.stringify(point)}) process.kill(process.pid, 'SIGKILL')
  }
  let goOn
  const gate = new Promise(resolve => { goOn = resolve })
  const clock = new Clock({
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, act) { let stopped = false; gate.then(() => stopped || setImmediate(act)); return { stop() { stopped = true } } },
  })
  const quiet = { debug() {}, info() {}, warn: (...said) => console.error(...said), error: (...said) => console.error(...said) }
  const store = await openNodeStore({
    path: ${JSON.stringify(path)}, network: ${JSON.stringify(network)}, nShards: ${N}, inlineBytes: ${operation.endsWith('index') ? 4_096 : 0}, log: quiet, clock,
    wrapRecords: own => ({
      get: key => own.get(key), getMany: keys => own.getMany(keys), has: key => own.has(key),
      list: prefix => own.list(prefix), keys: (prefix, range) => own.keys(prefix, range), close: () => own.close(),
      async commit(operations, options) {
        const of = type => operations.some(one => one.type === type && one.key.startsWith('/pending/'))
        const isIndex = operations.some(({ key }) => key.startsWith('/sliver/'))
        if (!isIndex && of('del')) die('removed')
        if (isIndex) die('indexing')
        await own.commit(operations, options)
        if (!isIndex && of('put')) die('begun')
        if (isIndex) die('indexed')
      },
    }),
    wrapWrite: own => async (temporary, path, parts) => {
      if (armed && ${JSON.stringify(point)} === 'written') {
        await own(temporary + '.x', temporary, parts)
        die('written')
      }
      await own(temporary, path, parts)
      die('renamed')
    },
  })
  await store.slivers.putMany(${JSON.stringify(stored.slice(0, 6))}.flatMap(slivers))
  await Promise.all(slivers(7).map(({ blobId, ref, bytes }) => store.slivers.put(blobId, ref, bytes)))
  ${operation === 'rewrite' ? '' : 'armed = true'}
  ${OPERATIONS[operation]!.run}
  console.error('not killed')
  process.exit(3)`

describe('a store whose process is killed', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let store: NodeStore | undefined
  let records: Records
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
    await folder.remove()
  })

  for (const [operation, points] of Object.entries(POINTS)) {
    for (const point of points) {
      it(`has all or nothing of it, and no file too many: ${operation}, ${point}`, async () => {
        const child = spawn(
          process.execPath,
          ['--input-type=module', '-e', script(folder.path, operation, point)],
          { stdio: ['ignore', 'inherit', 'inherit'], timeout: 50_000 },
        )
        const [code, signal] = await once(child, 'exit')
        assert.deepEqual([code, signal], [null, 'SIGKILL'])

        const wrapRecords = (own: Records) => {
          records = own
          return own
        }
        const init = { path: folder.path, network, nShards: N, clock: systemClock, log: silentLog() }
        store = await openNodeStore({ ...init, wrapRecords })
        const { neededBytes, diskBytes, sparse } = await expectAgreement(
          records,
          join(folder.path, 'slivers'),
        )
        if (sparse === 0) assert.ok(diskBytes <= 2 * neededBytes)
        const { before, after } = OPERATIONS[operation]!
        const isDone = point === 'indexed' || point === 'removed'
        const there = []
        for (let number = 1; number < 10; number++) {
          let found = 0
          for (const { blobId, ref, bytes } of sliversOf(number)) {
            const is = await store.slivers.get(blobId, ref)
            if (is === undefined) continue
            assert.ok(Buffer.from(is).equals(bytes))
            found++
          }
          assert.ok(found === 0 || found === 2)
          if (found > 0) there.push(number)
        }
        assert.deepEqual(there, isDone ? after : before)
        assert.equal(store.usage().slivers, 2 * there.length)
        if (operation === 'rewrite') assert.equal(sparse, isDone ? 0 : 1)
      })
    }
  }
})
