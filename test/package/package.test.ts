import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { temporaryFolder } from '../support/temporary.ts'
import { type App, cleanEnv, installApp, lend, root } from './app.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors = Object.keys(manifest.exports)
  .filter(door => door !== './package.json')
  .map(door => door.replace('.', manifest.name))

/** A program in a group of its own, which a Ctrl-C reaches as a whole. */
function inGroup(app: App, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, { cwd: app.path, env: { ...cleanEnv(), ...env }, detached: true })
  let output = ''
  child.stderr.on('data', chunk => {
    output += chunk
  })
  const ended = once(child, 'close')
  return {
    /** its first line of output */
    async line(): Promise<string> {
      const early = ended.then(() => Promise.reject(new Error(`${command} ended: ${output}`)))
      const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), early])
      return line
    },
    async ctrlC(): Promise<void> {
      signalGroup(child, 'SIGINT')
      await ended
    },
    kill: () => signalGroup(child, 'SIGKILL'),
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal)
  } catch {
    // all of it has ended
  }
}

describe('the package, installed', function () {
  this.timeout(120_000) // npm and compilers, on a machine that may be busy
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let app: App
  let installed: string
  before(async () => {
    folder = await temporaryFolder()
    app = await installApp(folder.path)
    installed = join(app.path, 'node_modules', 'floe')
    await lend(app, '@types/node', 'hono', '@hono/node-server')
    cpSync(join(root, 'examples'), app.path, { recursive: true })
  })
  after(() => folder.remove())

  it('holds what runs, with types and maps, and nothing of its making', () => {
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(installed.length + 1))
    const left = files.filter(name => !name.startsWith(join('dist', '/'))).sort()
    const told = ['CHANGELOG.md', 'LICENSE', 'README.md', join('node', 'cli', 'floe.mjs'), 'package.json']
    assert.deepEqual(left, told)
    assert.deepEqual(
      files.filter(name =>
        /\.test\.|(^|[/\\])(test|vectors|testing|assembly)[/\\]|(?<!\.d)\.ts$|tsbuildinfo/.test(name),
      ),
      [],
    )
    const isOfPage = (name: string) => name.startsWith(join('dist', 'node', 'page', 'build'))
    assert.equal(files.filter(name => name.endsWith('.wasm') && !isOfPage(name)).length, 4)
    for (const name of ['read.html', 'page.js', 'reader.js', 'reader.js.gz', 'kernel-relaxed.wasm'])
      assert.ok(existsSync(join(installed, 'dist', 'node', 'page', 'build', name)), name)
    for (const name of ['framework', 'wal', 'walrus'])
      assert.ok(existsSync(join(installed, 'dist', 'chain', 'build', `${name}.json`)))
    const scripts = files.filter(name => name.startsWith('dist') && name.endsWith('.js') && !isOfPage(name))
    assert.ok(scripts.length > 100)
    for (const name of scripts) {
      assert.ok(files.includes(name.replace(/\.js$/, '.d.ts')), name)
      if (!name.endsWith('version.js')) assert.ok(files.includes(`${name}.map`), name)
    }
  })

  it('brings no other Node and no compiler of Move', () => {
    const packages = readdirSync(join(app.path, 'node_modules'))
    assert.deepEqual(
      packages.filter(name => /^node-(bin|darwin|linux|win)|^@zktx/.test(name)),
      [],
    )
  })

  it('is in order for publint and for those who look for its types', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true })
    assert.deepEqual(
      messages.map(message => formatMessage(message, manifest)),
      [],
    )
    const attw = join(root, 'node_modules', '.bin', 'attw')
    await app.run(attw, [app.tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'])
  })

  it('opens each of its doors', async () => {
    assert.deepEqual(
      doors,
      ['', '/codec', '/chain', '/protocols', '/storage', '/gateway', '/localnet', '/devnet'].map(
        door => `floe${door}`,
      ),
    )
    const script = `
      import { createClient } from 'floe'
      const names = []
      for (const door of ${JSON.stringify(doors)}) names.push(...Object.keys(await import(door)))
      console.log(typeof createClient, names.join(' '))`
    await writeFile(join(app.path, 'doors.mjs'), script)
    const told = await app.run(process.execPath, ['doors.mjs'])
    assert.match(told, /^function /)
    for (const name of [
      ...['createReader', 'readNetwork', 'readWallet', 'createCodec', 'createCoordinator', 'serveProtocols'],
      ...['createStorageNode', 'createGateway', 'startLocalnet', 'startDevnet'],
    ])
      assert.match(told, new RegExp(`\\b${name}\\b`))
  })

  it('goes through a bundler for pages', async () => {
    const contents = ['floe', 'floe/codec', 'floe/chain', 'floe/protocols']
      .map(door => `import '${door}'`)
      .join('\n')
    const { metafile } = await build({
      stdin: { contents, resolveDir: app.path },
      bundle: true,
      platform: 'browser',
      format: 'esm',
      treeShaking: false,
      metafile: true,
      write: false,
      logLevel: 'silent',
    })
    const [output] = Object.values(metafile.outputs)
    assert.deepEqual(output?.imports, [])
    const inputs = Object.keys(metafile.inputs).join('\n')
    assert.match(inputs, /dist\/node\/client\/browser\.js/)
    assert.doesNotMatch(
      inputs,
      /prom-client|\bpino\b|classic-level|@libp2p\/tcp|bls-eth-wasm|dist\/node\/client\/index\.js/,
    )
  })

  it('has examples of less than 40 lines', () => {
    const examples = readdirSync(join(root, 'examples')).map(name => join(root, 'examples', name))
    assert.deepEqual(
      examples.filter(path => readFileSync(path, 'utf8').split('\n').length > 40),
      [],
    )
  })

  it('gives its types to TypeScript, and the examples are right by them', async () => {
    const imports = doors.map((door, i) => `import * as door${i} from '${door}'`)
    const uses = doors.map((_, i) => `door${i}`).join(', ')
    const wrong = `// @ts-expect-error: a network is no text\ndoor0.createClient('a network')`
    await writeFile(join(app.path, 'doors.ts'), `${imports.join('\n')}\nconsole.log(${uses})\n${wrong}\n`)
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node']
    const lib = ['--lib', 'esnext', '--skipLibCheck']
    const files = readdirSync(app.path).filter(name => name.endsWith('.ts'))
    assert.equal(files.length, 6)
    const tsc = join(root, 'node_modules', '.bin', 'tsc')
    await app.run(tsc, [...options, ...lib, '--ignoreConfig', ...files])
  })

  it('runs a test suite of an app with a network of its own', async () => {
    await app.run(process.execPath, ['--test', 'app.test.ts'])
  })

  describe('beside npx floe up', () => {
    let up: ReturnType<typeof inGroup>
    before(async () => {
      up = inGroup(app, 'npx', ['floe', 'up', '--port', '0', '--json'])
      const { gateway } = JSON.parse(await up.line())
      assert.match(gateway, /^http:\/\/127\.0\.0\.1:\d+$/)
    })
    after(async () => {
      up.kill()
    })

    it('has a command line', async () => {
      await writeFile(join(app.path, 'file.txt'), 'from the command line')
      const stored = JSON.parse(await app.run('npx', ['floe', 'store', '--json', 'file.txt']))
      assert.equal(await app.run('npx', ['floe', 'read', stored.blobId]), 'from the command line')
    })

    it('stores and reads', async () => {
      assert.match(await app.run(process.execPath, ['store-and-read.ts']), /^[\w-]{43}: Hello from an app\n$/)
    })

    it('keeps files in a quilt', async () => {
      const told = await app.run(process.execPath, ['quilt.ts'])
      assert.match(told, /^(?:[abc]\.txt: [\w-]{50}\n){3}b\.txt says: second\n$/)
    })

    it('runs a storage node, which finds its keys and its place on chain again', async () => {
      const told: string[] = []
      for (let round = 0; round < 2; round++) {
        const node = inGroup(app, process.execPath, ['storage-node.ts'])
        try {
          told.push(await node.line())
          await node.ctrlC()
        } finally {
          node.kill()
        }
      }
      assert.match(told[0]!, /^node 0x[0-9a-f]{64} listens as \w+$/)
      assert.equal(told[1], told[0])
    })

    it('streams a video, of which a player may ask for a part', async () => {
      const video = randomBytes(3 * 2 ** 20 + 5)
      await writeFile(join(app.path, 'video.mp4'), video)
      const stored = JSON.parse(await app.run('npx', ['floe', 'store', '--json', 'video.mp4']))
      const server = inGroup(app, process.execPath, ['video.ts'], { PORT: '0' })
      try {
        const url = `${await server.line()}${stored.blobId}`
        const whole = await fetch(url)
        assert.equal(whole.status, 200)
        assert.equal(whole.headers.get('content-length'), String(video.length))
        assert.deepEqual(Buffer.from(await whole.arrayBuffer()), video)
        const start = 2 ** 20 - 3
        const part = await fetch(url, { headers: { range: `bytes=${start}-` } })
        assert.equal(part.status, 206)
        assert.equal(part.headers.get('content-range'), `bytes ${start}-${video.length - 1}/${video.length}`)
        assert.deepEqual(Buffer.from(await part.arrayBuffer()), video.subarray(start))
        const beyond = await fetch(url, { headers: { range: `bytes=${video.length}-` } })
        assert.equal(beyond.status, 416)
        await server.ctrlC()
      } finally {
        server.kill()
      }
    })

    it('stops at Ctrl-C, and is continued at the next start', async () => {
      await up.ctrlC()
      up = inGroup(app, 'npx', ['floe', 'up', '--port', '0', '--json'])
      await up.line()
      assert.match(await app.run('npx', ['floe', 'list-blobs']), /[\w-]{43}/)
      await up.ctrlC()
    })
  })
})
