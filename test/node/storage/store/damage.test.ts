import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { BlobId, SliverRef } from '../../../../codec/types.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { repairNodeStore } from '../../../../node/storage/store/repair.ts'
import { ref } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10
const network = `0x${'1'.repeat(64)}`
const settings = { network, nShards: N, clock: systemClock, log: silentLog(), inlineBytes: 0 }
/** of a blob's slivers: two lie in the index, one in a file */
const SIZES = [2_000, 2_000, 6_000]
const ROOT = join(import.meta.dirname, '..', '..', '..', '..')
const STORE = join(ROOT, 'node', 'storage', 'store', 'node-store.ts')
const CLOCK = join(ROOT, 'base', 'clock.ts')

describe('a store after harm', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: Codec
  let blobs: EncodedBlob[]
  const refs = [0, 4].flatMap(pair =>
    (['primary', 'secondary'] as const).map(axis => ({ pair, axis }) as SliverRef),
  )
  before(async () => {
    codec = createCodec({ threads: 0 })
    blobs = await Promise.all([500, 3_000, 9_000].map(size => codec.encode(randomBytes(size), N)))
  })
  after(() => codec.close())
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  const open = () => openNodeStore({ path: folder.path, ...settings })
  const put = async (store: NodeStore, { metadata, sliver }: EncodedBlob) => {
    await store.metadata.put(metadata)
    await Promise.all(refs.map(one => store.slivers.put(metadata.blobId, one, sliver(one))))
    const state = { registrations: [] }
    await store.blobs.advance(metadata.blobId as never, { blobId: metadata.blobId, state })
  }
  const isDamage = (error: unknown): boolean =>
    error instanceof Error && 'code' in error && error.code === 'STORE_DAMAGED'

  /** How many slivers are served; none of them may be wrong, and what cannot be read must be said. */
  const served = async (store: NodeStore) => {
    let count = 0
    for (const { metadata, sliver } of blobs) {
      for (const one of refs) {
        const bytes = await store.slivers.get(metadata.blobId, one).catch(error => {
          if (!isDamage(error)) throw error
        })
        if (bytes === undefined) continue
        assert.ok(Buffer.from(bytes).equals(sliver(one)), 'a wrong sliver was served')
        count++
      }
    }
    return count
  }

  const everyNth = (bytes: Buffer, n: number) => {
    const out = Buffer.from(bytes)
    for (let at = n - 1; at < out.length; at += n) out[at]! ^= 1 << (at % 8)
    return out
  }
  const harms: Record<string, (path: string, bytes: Buffer) => Promise<void>> = {
    'cut by a byte': (path, bytes) => truncate(path, Math.max(0, bytes.length - 1)),
    'cut to a half': (path, bytes) => truncate(path, Math.floor(bytes.length / 2)),
    emptied: path => truncate(path, 0),
    removed: path => rm(path),
    'with a flipped bit': (path, bytes) => writeFile(path, everyNth(bytes, Math.ceil(bytes.length / 2))),
    'with many flipped bits': (path, bytes) => writeFile(path, everyNth(bytes, 40)),
    'full of zeros': (path, bytes) => writeFile(path, Buffer.alloc(bytes.length)),
    'full of garbage': (path, bytes) => writeFile(path, randomBytes(bytes.length)),
    'with garbage behind': path => appendFile(path, randomBytes(100)),
  }
  const kinds: [string, string, RegExp][] = [
    ['packs', 'slivers', /\.[0-9a-f]{12}$/],
    ['CURRENT', 'index', /^CURRENT$/],
    ['MANIFEST', 'index', /^MANIFEST-/],
    ['the log', 'index', /^\d+\.log$/],
    ['tables', 'index', /^\d+\.ldb$/],
  ]
  for (const [what, where, pattern] of kinds) {
    for (const [how, harm] of Object.entries(harms)) {
      it(`serves nothing wrong, and takes everything in again: ${what} ${how}`, async () => {
        for (const blob of blobs) {
          // each opening writes what the log held as a table
          const store = await open()
          await put(store, blob)
          await store.close()
        }
        const entries = await readdir(join(folder.path, where), { recursive: true, withFileTypes: true })
        const victims = entries.filter(entry => entry.isFile() && pattern.test(entry.name))
        assert.ok(victims.length > 0)
        for (const { parentPath, name } of victims) {
          const path = join(parentPath, name)
          await harm(path, await readFile(path))
        }
        // it opens, or says that it is damaged: then a repair helps
        let store: NodeStore | undefined = await open().catch(error => {
          if (!isDamage(error)) throw error
          return undefined
        })
        const isRefused = store === undefined
        if (store !== undefined) {
          await served(store)
          await store.close()
        }
        await repairNodeStore(folder.path, settings)
        store = await open()
        try {
          const count = await served(store)
          // the files were not touched, and no start has taken them for those of an upload that was cut short
          if (where === 'index' && isRefused) assert.equal(count, blobs.length * refs.length)
          for (const blob of blobs) await put(store, blob)
          assert.equal(await served(store), blobs.length * refs.length)
        } finally {
          await store.close()
        }
      })
    }
  }

  it('has all that it said was stored, round after round of being killed while it writes', async () => {
    const script = `
      const { openNodeStore } = await import(${JSON.stringify(pathToFileURL(STORE).href)})
      const { systemClock } = await import(${JSON.stringify(pathToFileURL(CLOCK).href)})
      const { randomBytes } = await import('node:crypto')
      const quiet = { debug() {}, info() {}, warn() {}, error() {} }
      const store = await openNodeStore({ path: ${JSON.stringify(folder.path)}, network: ${JSON.stringify(network)}, nShards: ${N}, log: quiet, clock: systemClock })
      const one = async () => {
        for (;;) {
          const id = randomBytes(32)
          const blobId = id.toString('base64url')
          // bytes that follow from the ID, so that they can be told later
          await Promise.all([0, 1, 2].map(pair => store.slivers.put(blobId, { pair, axis: 'primary' }, Buffer.alloc(${JSON.stringify(SIZES)}[pair], id.subarray(0, 16 + pair)))))
          console.log(blobId)
        }
      }
      await Promise.all([one(), one(), one(), one()])`
    const acknowledged: BlobId[] = []
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      let lines = 0
      for await (const line of createInterface({ input: child.stdout })) {
        if (/^[\w-]{43}$/.test(line)) acknowledged.push(line as BlobId)
        if (++lines === 5 + 7 * round) child.kill('SIGKILL')
      }
      await exited
      const store = await open()
      try {
        for (const blobId of acknowledged) {
          const id = Buffer.from(blobId, 'base64url')
          for (const pair of [0, 1, 2]) {
            const bytes = await store.slivers.get(blobId, ref(pair))
            assert.ok(
              bytes && Buffer.alloc(SIZES[pair]!, id.subarray(0, 16 + pair)).equals(bytes),
              `round ${round}`,
            )
          }
        }
        const { slivers } = store.usage()
        assert.ok(slivers >= acknowledged.length * 3)
      } finally {
        await store.close()
      }
    }
    assert.ok(acknowledged.length >= 8 * 5)
  })
})
