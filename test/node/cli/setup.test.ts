import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const SETUP = join(import.meta.dirname, '..', '..', '..', 'setup.mjs')
const FLOE = join(import.meta.dirname, '..', '..', '..', 'node', 'cli', 'floe.mjs')

const BUILDS = ['codec/build', 'chain/build', 'node/page/build', 'node/cli/build']

/** A build script that counts its runs, and fails when its source says so. */
const buildScript = (output: string, source: string) => `
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
const source: string = readFileSync('${source}', 'utf8')
appendFileSync('runs.txt', '${output}\\n')
if (source.includes('broken')) { console.error('no such opcode'); process.exit(1) }
mkdirSync('${output}', { recursive: true })
writeFileSync('${output}/out.bin', source)
`

describe('setup.mjs', function () {
  this.timeout(60_000) // processes, on a machine that may be busy
  let root: string
  const put = async (name: string, text: string) => {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  const setup = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'setup.mjs'), ...args], { cwd: root })
    let output = ''
    child.stdout.on('data', chunk => assert.fail(`on stdout: ${chunk}`))
    child.stderr.on('data', chunk => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    return { code, output }
  }
  const runs = async () => (await readFile(join(root, 'runs.txt'), 'utf8').catch(() => '')).trim().split('\n')
  const forgetRuns = () => rm(join(root, 'runs.txt'), { force: true })

  // a project whose only dependency is a folder of its own: npm needs no network for it
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'floe-setup-'))
    await copyFile(SETUP, join(root, 'setup.mjs'))
    const manifest = { name: 'sample', version: '1.0.0', type: 'module', dependencies: { dep: 'file:dep' } }
    await put('package.json', JSON.stringify(manifest))
    await put('dep/package.json', JSON.stringify({ name: 'dep', version: '1.0.0' }))
    const packages = {
      '': { name: 'sample', version: '1.0.0', dependencies: { dep: 'file:dep' } },
      dep: { version: '1.0.0' },
      'node_modules/dep': { resolved: 'dep', link: true },
    }
    const lock = { name: 'sample', version: '1.0.0', lockfileVersion: 3, requires: true, packages }
    await put('package-lock.json', JSON.stringify(lock))
    await put('node/cli/runtime/package.json', JSON.stringify({ optionalDependencies: {} }))
    await put('codec/kernel/assembly.ts', 'kernel')
    await put('codec/kernel/build.ts', buildScript('codec/build', 'codec/kernel/assembly.ts'))
    await put('chain/contract/blob.move', 'contract')
    await put('chain/build.ts', buildScript('chain/build', 'chain/contract/blob.move'))
    await put('node/page/page.ts', 'page')
    await put('node/page/build.ts', buildScript('node/page/build', 'node/page/page.ts'))
    await put('node/cli/main.ts', 'main')
    await put('node/cli/build.ts', buildScript('node/cli/build', 'node/cli/main.ts'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('installs and builds once, with a line for each, and is silent afterwards', async () => {
    const first = await setup()
    assert.equal(first.code, 0)
    assert.match(
      first.output,
      /^Installing packages\.\.\. [\d.]+ s\nBuilding the codec kernel\.\.\. [\d.]+ s\nBuilding the contract\.\.\. [\d.]+ s\nBuilding the browser page\.\.\. [\d.]+ s\nBuilding the command line\.\.\. [\d.]+ s\n$/,
    )
    assert.ok(existsSync(join(root, 'node_modules', 'dep')))
    assert.deepEqual(await setup(), { code: 0, output: '' })
    assert.deepEqual(await runs(), BUILDS)
  })

  it('builds what is stale, and only that', async () => {
    await setup()
    await forgetRuns()
    await put('chain/contract/sources/new.move', 'more')
    await setup()
    assert.deepEqual(await runs(), ['chain/build', 'node/cli/build'])
    await forgetRuns()
    await rm(join(root, 'codec', 'build', 'out.bin'))
    await setup()
    assert.deepEqual(await runs(), ['codec/build'])
    await forgetRuns()
    await setup('--build')
    assert.deepEqual(await runs(), BUILDS)
  })

  it('installs again when the lock file asks for other packages', async () => {
    await setup()
    const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
    await put(
      'package.json',
      JSON.stringify({
        name: 'sample',
        version: '1.0.0',
        type: 'module',
        dependencies: { dep: 'file:dep', two: 'file:two' },
      }),
    )
    await put('two/package.json', JSON.stringify({ name: 'two', version: '1.0.0' }))
    lock.packages[''].dependencies.two = 'file:two'
    lock.packages.two = { version: '1.0.0' }
    lock.packages['node_modules/two'] = { resolved: 'two', link: true }
    await put('package-lock.json', JSON.stringify(lock))
    const { code, output } = await setup()
    assert.equal(code, 0)
    assert.match(output, /^Installing packages/)
    assert.ok(existsSync(join(root, 'node_modules', 'two')))
  })

  it('shows why a build failed, and builds again next time', async () => {
    await put('codec/kernel/assembly.ts', 'broken')
    const { code, output } = await setup()
    assert.equal(code, 1)
    assert.match(
      output,
      /Building the codec kernel\.\.\. failed\n\nno such opcode\n\nBuilding the codec kernel failed\./,
    )
    assert.equal((await setup()).code, 1)
    await put('codec/kernel/assembly.ts', 'mended')
    assert.equal((await setup()).code, 0)
  })

  it("shows npm's words when it fails", async () => {
    await put('package.json', JSON.stringify({ name: 'sample', dependencies: { absent: '1.0.0' } }))
    const { code, output } = await setup()
    assert.equal(code, 1)
    assert.match(
      output,
      /Installing packages\.\.\. failed\n\n[\s\S]*npm (error|ERR!)[\s\S]*Installing packages failed\./,
    )
  })

  it('does its work once when it is called twice at a time', async () => {
    const both = await Promise.all([setup(), setup(), setup()])
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0, 0],
    )
    assert.deepEqual(await runs(), BUILDS)
    assert.equal(existsSync(join(root, 'build', 'setup.lock')), false)
  })

  it('takes over from a set-up that died', async () => {
    const dead = spawn(process.execPath, ['-e', '0'])
    await once(dead, 'close')
    await put('build/setup.lock', JSON.stringify({ pid: dead.pid, host: hostname(), id: 'dead' }))
    assert.equal((await setup()).code, 0)

    await put('build/setup.lock', JSON.stringify({ pid: 1, host: 'another machine', id: 'old' }))
    const old = new Date(Date.now() - 60_000)
    await utimes(join(root, 'build', 'setup.lock'), old, old)
    assert.equal((await setup('--build')).code, 0)
  })

  it('is what floe.mjs asks for before it was run', async () => {
    await mkdir(join(root, 'node', 'cli'), { recursive: true })
    await copyFile(FLOE, join(root, 'node', 'cli', 'floe.mjs'))
    const child = spawn(process.execPath, [join(root, 'node', 'cli', 'floe.mjs'), 'info'])
    let output = ''
    child.stderr.on('data', chunk => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 3)
    assert.match(output, /^floe: not set up yet\. Run this first:\n\n {2}cd .* && npm run build\n/)
  })
  it('gives floe.mjs a bundle, which it runs as long as it is that of the sources', async () => {
    await copyFile(FLOE, join(root, 'node', 'cli', 'floe.mjs'))
    await put('node_modules/commander/package.json', JSON.stringify({ name: 'commander', main: 'main.js' }))
    await put('node_modules/commander/main.js', '')
    await put('node/cli/main.ts', "console.log('sources')")
    const inputs = JSON.stringify(JSON.stringify({ generation: 'one', inputs: ['node/cli/main.ts'] }))
    await put(
      'node/cli/build.ts',
      `import { mkdirSync, writeFileSync } from 'node:fs'
      mkdirSync('node/cli/build/one', { recursive: true })
      writeFileSync('node/cli/build/inputs.json', ${inputs})
      writeFileSync('node/cli/build/one/main.mjs', "console.log('bundle', process.argv.slice(2))")`,
    )
    const floe = async () => {
      const child = spawn(process.execPath, [join(root, 'node', 'cli', 'floe.mjs'), 'info'])
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', chunk => {
          output += chunk
        })
      await once(child, 'close')
      return output
    }
    assert.equal(await floe(), 'sources\n')
    assert.equal((await setup()).code, 0)
    // npm has taken away what the lock file does not name
    await put('node_modules/commander/package.json', JSON.stringify({ name: 'commander', main: 'main.js' }))
    await put('node_modules/commander/main.js', '')
    assert.equal(await floe(), "bundle [ 'info' ]\n")
    // moved here, so that its content is as old as it was
    await put('other.ts', "console.log('others')")
    await utimes(join(root, 'other.ts'), 0, 0)
    await rename(join(root, 'other.ts'), join(root, 'node/cli/main.ts'))
    assert.equal(await floe(), 'others\n')
    assert.equal((await setup()).code, 0)
    assert.equal(await floe(), "bundle [ 'info' ]\n")
  })

  it('is nothing that an installed package asks for, but a Node that is new enough', async () => {
    const installed = join(root, 'node_modules', 'floe')
    await mkdir(join(installed, 'node', 'cli'), { recursive: true })
    await copyFile(FLOE, join(installed, 'node', 'cli', 'floe.mjs'))
    await put('node_modules/floe/dist/node/cli/main.js', "console.log('compiled', process.argv.slice(2))")
    const floe = async (node: string) => {
      await put('node_modules/floe/package.json', JSON.stringify({ type: 'module', engines: { node } }))
      const child = spawn(process.execPath, [join(installed, 'node', 'cli', 'floe.mjs'), 'info'])
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', chunk => {
          output += chunk
        })
      const [code] = await once(child, 'close')
      return { code, output }
    }
    assert.deepEqual(await floe('>=22.12'), { code: 0, output: "compiled [ 'info' ]\n" })
    const { version } = process
    const output = `floe: Node 99.1 or newer is needed; this is ${version}.\n`
    assert.deepEqual(await floe('>=99.1'), { code: 3, output })
  })
})
