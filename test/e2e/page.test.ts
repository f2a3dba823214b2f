import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { tcp } from '@libp2p/tcp'
import { build } from 'esbuild'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { type Devnet, startDevnet } from '../../node/devnet/index.ts'
import { createDialingNode } from '../../node/network/dialing-node.ts'
import { temporaryFolder } from '../support/temporary.ts'

type Floe = typeof import('../../node/client/browser.ts') & typeof import('../../codec/browser.ts')

const root = resolve(import.meta.dirname, '../..')
/** docs/apps.md tells the size; this is it with a little room. */
const MAX_GZIPPED_BYTES = 300 * 1024

/** The doors in one file, made as for a page: bundling fails where a module of Node's is named. Gives its URL. */
async function bundle(name: string, doors: readonly string[], folder: string) {
  const outfile = join(folder, 'page', `${name}.mjs`)
  const { outputFiles, metafile } = await build({
    stdin: { contents: doors.map(door => `export * from './${door}.ts'`).join('\n'), resolveDir: root },
    outfile,
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const [{ contents } = assert.fail('no file')] = outputFiles
  assert.deepEqual(
    Object.values(metafile.outputs).flatMap(({ imports }) => imports),
    [],
  )
  await mkdir(join(folder, 'page'), { recursive: true })
  await writeFile(outfile, contents)
  // where a bundle looks for the kernels
  await cp(join(root, 'codec', 'build'), join(folder, 'build'), { recursive: true })
  return { url: pathToFileURL(outfile).href, gzippedBytes: gzipSync(contents, { level: 9 }).length }
}

/** A page that goes closes its channels (libp2p's peer store has one, for ever): Node waits for them. */
function closeChannelsAtLeave(): () => void {
  const Channel = globalThis.BroadcastChannel
  const opened: BroadcastChannel[] = []
  globalThis.BroadcastChannel = class extends Channel {
    constructor(name: string) {
      super(name)
      opened.push(this)
    }
  }
  return () => {
    globalThis.BroadcastChannel = Channel
    for (const channel of opened) channel.close()
  }
}

/** Encodes and decodes where nothing is there but what a page has. */
const CODEC_IN_A_PAGE = `
  const tell = process.stdout.write.bind(process.stdout)
  const { readFileSync } = process.getBuiltinModule('node:fs')
  globalThis.fetch = async url => ({ ok: true, arrayBuffer: async () => readFileSync(new URL(url)) })
  const url = process.argv.at(-1)
  // Node loads its own with these
  new MessageEvent('message', { data: new Response('') })
  for (const name of ['process', 'Buffer', 'setImmediate', 'clearImmediate', 'global', 'SharedArrayBuffer'])
    delete globalThis[name]
  const { createCodec, loadBls } = await import(url)
  const codec = createCodec()
  const data = crypto.getRandomValues(new Uint8Array(60_000))
  const blob = await codec.encode(data, 100)
  const slivers = Array.from({ length: 34 }, (_, i) => ({ pair: 50 + i, axis: 'primary' }))
    .map(ref => ({ ref, bytes: blob.sliver(ref) }))
  const decoded = await codec.decode({ metadata: blob.metadata, slivers })
  const bls = await loadBls()
  const secret = bls.generateSecret()
  const signed = bls.verify(bls.publicKey(secret), data, bls.sign(secret, data))
  await codec.close()
  tell([typeof process, decoded.every((byte, i) => byte === data[i]), signed].join())`

describe('floe in a page', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let floe: Floe
  let gzippedBytes: number
  let leave = () => {}
  before(async () => {
    leave = closeChannelsAtLeave()
    folder = await temporaryFolder()
    const bundled = await bundle('floe', ['node/client/browser', 'codec/browser'], folder.path)
    gzippedBytes = bundled.gzippedBytes
    floe = await import(bundled.url)
    devnet = await startDevnet({ nodes: 4, shards: 20 })
  })
  after(async () => {
    await devnet?.close()
    await folder.remove()
    leave()
  })

  it('is as large as the documentation says', () => {
    assert.ok(gzippedBytes < MAX_GZIPPED_BYTES, `${gzippedBytes} bytes`)
  })

  it('reads by the transports that it is given, and stores', async () => {
    const { network, user: wallet } = devnet
    const options = { epochs: 1, deletable: true }
    const large = randomBytes(6 * 2 ** 20 + 1)
    const small = randomBytes(1_000)
    const stored = await devnet.client.store(large, options)
    // as in a page, where there are no threads
    await using codec = floe.createCodec({ threads: 0 })
    await using client = await floe.createClient(network, { wallet, transports: [tcp()], codec })
    await using blob = await client.open(stored.blobId)
    const parts: Uint8Array[] = []
    for await (const part of blob.stream()) parts.push(part)
    assert.ok(parts.length > 1)
    assert.ok(Buffer.concat(parts).equals(large))
    const { blobId } = await client.store(small, options)
    assert.deepEqual(Buffer.from((await devnet.client.read(blobId)).data), small)
  })

  it('reads by a libp2p that it is given, and leaves that open', async () => {
    const data = randomBytes(50_000)
    const { blobId } = await devnet.client.store(data, { epochs: 1, deletable: true })
    const libp2p = await createDialingNode([tcp()], { clock: systemClock, log: silentLog() })
    try {
      const reader = await floe.createReader(devnet.network, { libp2p })
      assert.deepEqual(Buffer.from((await reader.read(blobId)).data), data)
      await reader.close()
      assert.equal(libp2p.status, 'started')
      assert.ok(libp2p.getConnections().length > 0)
    } finally {
      await libp2p.stop()
    }
  })

  it('takes no files by their path, and nothing that is too large for memory', async () => {
    const init = { wallet: devnet.user, transports: [tcp()], streamAboveBytes: 10 }
    await using client = await floe.createClient(devnet.network, init)
    const options = { epochs: 1, deletable: true }
    await assert.rejects(client.store({ path: 'a file' }, options), { code: 'INVALID_OPTION' })
    const tooLarge = { code: 'BLOB_TOO_LARGE', details: { maxBytes: 10, actualBytes: 12 } }
    await assert.rejects(client.store(new Uint8Array(12), options), tooLarge)
    async function* chunks() {
      for (let i = 0; i < 3; i++) yield new Uint8Array(4)
    }
    await assert.rejects(client.store(chunks(), options), tooLarge)
  })

  it('has a codec that asks for nothing of Node', async () => {
    const { url } = await bundle('codec', ['codec/browser'], folder.path)
    const args = ['--input-type=module', '--eval', CODEC_IN_A_PAGE, url]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
    assert.equal(stdout, 'undefined,true,true')
  })
})
