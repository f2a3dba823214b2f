import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { appendFile, readdir, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLog } from '../../../../base/pino-log.ts'
import { createAdaptiveCodec } from '../../../../codec/index.ts'
import { type ClientInit, createClient } from '../../../../node/client/node-client.ts'
import type { Client, Progress, StoreSource } from '../../../../node/client/types.ts'
import { type Cluster, startCluster } from '../../../support/cluster.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const ABOVE = 100_000
const options = { epochs: 1, deletable: true }

/** As a pipe brings them. */
async function* pieces(bytes: Uint8Array, size = 30_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('uploads of what is not held in memory', () => {
  let cluster: Cluster
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let codec: ReturnType<typeof createAdaptiveCodec>
  /** of each encoding: `memory` or `file` */
  let encoded: string[]
  const clients: Client[] = []
  before(async () => {
    cluster = await startCluster({ nodes: 4, shards: 10 })
    codec = createAdaptiveCodec()
  })
  after(async () => {
    await cluster?.close()
    await codec?.close()
  })
  beforeEach(async () => {
    folder = await temporaryFolder()
    encoded = []
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
    await folder.remove()
  })

  const scratch = () => join(folder.path, 'scratch')
  const leftovers = async () => {
    for (const client of clients.splice(0)) await client.close()
    return await readdir(scratch())
  }
  const open = async (init: Partial<ClientInit> = {}) => {
    const client = await createClient(cluster.chain.network, {
      wallet: cluster.chain.wallet,
      coordinator: cluster.chain,
      codec: {
        ...codec,
        encode(...args) {
          encoded.push('memory')
          return codec.encode(...args)
        },
        encodeStream(input) {
          encoded.push('file')
          return codec.encodeStream(input)
        },
      },
      streamAboveBytes: ABOVE,
      scratch: { folder: scratch() },
      ...init,
    })
    clients.push(client)
    return client
  }
  const file = async (bytes: Uint8Array) => {
    const path = join(folder.path, 'blob')
    await writeFile(path, bytes)
    return path
  }

  it('are the same blobs, whatever they come from, and leave nothing behind', async function () {
    this.timeout(90_000) // stores many blobs, each synced by every node, beside whatever else the machine does
    for (const size of [0, 1, ABOVE, ABOVE + 1, 400_000]) {
      const bytes = randomBytes(size)
      const path = await file(bytes)
      const sources: (() => StoreSource)[] = [() => bytes, () => ({ path }), () => pieces(bytes)]
      const client = await open()
      const ids = new Set<string>()
      for (const source of sources) {
        encoded = []
        const { blobId } = await client.store(source(), { ...options, force: true })
        ids.add(blobId)
        assert.deepEqual(encoded, [size <= ABOVE ? 'memory' : 'file'], `${size}`)
      }
      assert.equal(ids.size, 1)
      const [blobId] = ids
      const { data } = await client.read(blobId as never)
      assert.ok(Buffer.from(data).equals(bytes), `${size} bytes`)
      if (size > ABOVE) assert.deepEqual(await leftovers(), [])
    }
  })

  it('lie in a folder of this user alone meanwhile', async () => {
    const client = await open()
    const modes: number[] = []
    const onProgress = ({ phase, done }: Progress) => {
      if (phase !== 'register' || done !== 0) return
      for (const path of [scratch(), ...readdirSync(scratch()).map(name => join(scratch(), name))])
        modes.push(statSync(path).mode & 0o777)
    }
    await client.store({ path: await file(randomBytes(200_000)) }, { ...options, onProgress })
    if (process.platform !== 'win32') assert.deepEqual(modes, [0o700, 0o700])
  })

  it('that are aborted leave nothing behind', async () => {
    const bytes = randomBytes(300_000)
    for (const phase of ['encode', 'register', 'upload'] as const) {
      for (const source of [{ path: await file(bytes) }, pieces(bytes)]) {
        const client = await open()
        const enough = new AbortController()
        const onProgress = (progress: Progress) => {
          if (progress.phase === phase) enough.abort(new Error('enough'))
        }
        const storing = client.store(source, { ...options, force: true, signal: enough.signal, onProgress })
        await assert.rejects(storing, /enough/)
        assert.deepEqual(await leftovers(), [], phase)
      }
    }
  })

  it('end while they wait for more of a pipe', async () => {
    const client = await open()
    const enough = new AbortController()
    const silent = async function* (): AsyncGenerator<Uint8Array> {
      yield randomBytes(200_000)
      enough.abort(new Error('enough'))
      await new Promise(() => undefined)
    }
    await assert.rejects(client.store(silent(), { ...options, signal: enough.signal }), /enough/)
    assert.deepEqual(await leftovers(), [])
  })

  it('that failed are not encoded again, and nodes are sent what they lack', async () => {
    const path = await file(randomBytes(300_000))
    await cluster.stop(2)
    await cluster.stop(3)
    try {
      const client = await open()
      await assert.rejects(client.store({ path }, options), { code: 'TOO_FEW_CONFIRMATIONS' })
    } finally {
      await cluster.start(2)
      await cluster.start(3)
    }
    assert.equal((await leftovers()).length, 1)
    encoded = []
    const sent: number[] = []
    const write = (line: string) => {
      const { msg, sentBytes } = JSON.parse(line)
      if (msg === 'peer confirmed') sent.push(sentBytes)
    }
    const again = await open({ log: createLog({ level: 'debug', json: true, write }) })
    await again.store({ path }, options)
    await again.close()
    assert.deepEqual(encoded, [])
    assert.deepEqual(sent.map(bytes => bytes > 0).sort(), [false, false, true, true])
    assert.deepEqual(await leftovers(), [])
  })

  /** As a process leaves it that was killed after it had encoded. */
  const killed = async (path: string) => {
    const client = await open()
    const dead = spawnSync(process.execPath, ['--version']).pid
    await cluster.stop(2)
    await cluster.stop(3)
    try {
      await assert.rejects(client.store({ path }, { ...options, force: true }))
    } finally {
      await cluster.start(2)
      await cluster.start(3)
    }
    const name = (await leftovers())[0]!
    const parts = name.split('-')
    parts[2] = String(dead)
    await rename(join(scratch(), name), join(scratch(), parts.join('-')))
    encoded = []
    return join(scratch(), parts.join('-'))
  }

  it('of a process that was killed are taken up by the next, when they are whole and the file is the same', async function () {
    this.timeout(90_000) // starts four processes
    const path = await file(randomBytes(300_000))
    await killed(path)
    await (await open()).store({ path }, { ...options, force: true })
    assert.deepEqual(encoded, [])

    const cut = await killed(path)
    await truncate(join(cut, 'slivers.bin'), 1000)
    await (await open()).store({ path }, { ...options, force: true })
    assert.deepEqual(encoded, ['file'])

    const unfinished = await killed(path)
    await rm(join(unfinished, 'metadata.bin'))
    await (await open()).store({ path }, { ...options, force: true })
    assert.deepEqual(encoded, ['file'])

    await killed(path)
    await appendFile(path, 'more')
    await (await open()).store({ path }, { ...options, force: true })
    assert.deepEqual(encoded, ['file'])
  })

  it('of dead processes are kept for a time and up to a size', async () => {
    const path = await file(randomBytes(300_000))
    const other = join(folder.path, 'other')
    await writeFile(other, randomBytes(300_000))
    const old = await killed(path)
    const long = new Date(Date.now() - 25 * 3600 * 1000)
    await utimes(join(old, 'metadata.bin'), long, long)
    await (await open()).store({ path: other }, options)
    assert.deepEqual(await leftovers(), [])
    await killed(path)
    const small = { folder: scratch(), keptBytes: 1000 }
    await (await open({ scratch: small })).store({ path: other }, { ...options, force: true })
    assert.deepEqual(await leftovers(), [])
  })

  it('are refused when they are more than the network takes, as soon as that is known', async () => {
    const client = await open()
    let taken = 0
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      const piece = new Uint8Array(1024 * 1024)
      for (; taken < 100; taken++) yield piece
    }
    await assert.rejects(client.store(endless(), options), { code: 'BLOB_TOO_LARGE' })
    assert.ok(taken < 10, `${taken} MiB were read`)
    assert.deepEqual(await leftovers(), [])
  })

  it('of one file at the same time are one, of another file each its own', async () => {
    const path = await file(randomBytes(300_000))
    const client = await open()
    const results = await Promise.all([1, 2, 3].map(() => client.store({ path }, options)))
    assert.deepEqual(encoded, ['file'])
    assert.equal(results.filter(({ kind }) => kind === 'newlyCreated').length, 1)
  })

  it('are refused when the file is gone or none', async () => {
    const client = await open()
    await assert.rejects(client.store({ path: join(folder.path, 'none') }, options), { code: 'ENOENT' })
    await assert.rejects(client.store({ path: folder.path }, options), { code: 'EISDIR' })
  })
})
