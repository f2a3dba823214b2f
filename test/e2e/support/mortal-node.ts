/**
 * A devnet's storage node that kills itself where a test wants it to: at the first of the points in `crash-at` in its folder,
 * which then goes from there. Its clock is as wrong as `skew` says.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FullCoordinator } from '../../../chain/types/index.ts'
import { cacheCompiled } from '../../../node/compile-cache.ts'
import { obey } from '../../../node/devnet/obey.ts'
import type { NodeOrders } from '../../../node/devnet/serve-node.ts'
import type { StorageNodeInit } from '../../../node/storage/node.ts'
import type { CrashPoint } from './crash-points.ts'
import { skewedClock } from './skewed-clock.ts'

const stopping = obey()
cacheCompiled()
const { serveNode } = await import('../../../node/devnet/serve-node.ts')

const { dir } = JSON.parse(process.argv[2]!) as NodeOrders
const file = join(dir, 'crash-at')

function die(point: CrashPoint): void {
  const points = pointsLeft()
  if (points[0] !== point) return
  writeFileSync(file, points.slice(1).join('\n'))
  process.kill(process.pid, 'SIGKILL')
}

function pointsLeft(): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

const storeInit: StorageNodeInit['storeInit'] = {
  wrapRecords: own => ({
    get: key => own.get(key),
    getMany: keys => own.getMany(keys),
    has: key => own.has(key),
    list: prefix => own.list(prefix),
    keys: (prefix, range) => own.keys(prefix, range),
    close: () => own.close(),
    async commit(operations, options) {
      const what = kindOf(operations)
      if (what !== undefined) die(`before ${what}`)
      await own.commit(operations, options)
      if (what !== undefined) die(`after ${what}`)
    },
  }),
  wrapWrite: own => async (temporary, path, parts) => {
    // a pack of a shard that changes hands
    const isPack = path.includes('shard-')
    if (isPack) die('before pack written')
    if (isPack && pointsLeft()[0] === 'after pack written') {
      await own(`${temporary}.x`, temporary, parts)
      die('after pack written')
    }
    await own(temporary, path, parts)
    if (isPack) die('after pack renamed')
  },
}

function kindOf(operations: readonly { type: string; key: string; value?: Uint8Array }[]) {
  const has = (prefix: string) => operations.some(({ key }) => key.startsWith(prefix))
  const shards = operations.flatMap(({ key, value }) =>
    key.startsWith('/shard/') && value !== undefined ? [Buffer.from(value).toString()] : [],
  )
  if (has('/cursor/') && has('/node/state')) return 'event batch'
  if (shards.some(text => text.includes('"locked"') && !text.includes('"received"'))) return 'lock'
  if (has('/sliver/')) return 'index batch'
  return shards.some(text => text.includes('"active"')) ? 'shard record' : undefined
}

function wrapCoordinator(own: FullCoordinator): FullCoordinator {
  const { operator } = own
  own.operator = wallet => {
    const inner = operator.call(own, wallet)
    const { epochSyncDone } = inner
    inner.epochSyncDone = async (...args) => {
      die('before report sent')
      const sending = epochSyncDone.apply(inner, args)
      setImmediate(() => die('after report sent'))
      const result = await sending
      die('before report confirmed')
      return result
    }
    return inner
  }
  return own
}

await serveNode(stopping, { storeInit, wrapCoordinator, clock: skewedClock(dir) })
