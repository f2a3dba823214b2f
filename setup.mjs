/**
 * Makes a clone runnable: installs what the lock file says and builds what is stale; says nothing when all is well.
 * `node setup.mjs [--build]`, called by npm's pre-scripts. Plain JavaScript for any Node from 20, before anything is
 * installed: it imports nothing beyond node:.
 */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const inRoot = (...parts) => join(root, ...parts)

const OLDEST_NODE = 20
const NODE_WITH_TYPES = 24
/** The workspace that names a Node for each platform. */
const RUNTIME = 'node/cli/runtime/package.json'
const LOCK = inRoot('build', 'setup.lock')
const HEARTBEAT_MS = 2_000
// ten missed beats: a machine that slept wakes up to a lock that is still its own
const STALE_MS = 20_000
const POLL_MS = 200

/** What is built from what. `tools` are packages whose version changes the output. */
const BUILDS = [
  {
    name: 'the codec kernel',
    script: 'codec/kernel/build.ts',
    inputs: ['codec/kernel'],
    output: 'codec/build',
    tools: ['assemblyscript'],
  },
  {
    name: 'the contract',
    script: 'chain/build.ts',
    inputs: [
      'chain/contract',
      'chain/localnet/framework',
      'chain/move',
      'chain/build.ts',
      'chain/compiled.ts',
    ],
    output: 'chain/build',
    tools: ['@zktx.io/sui-move-builder'],
  },
  {
    // after the kernel, which it takes along
    name: 'the browser page',
    script: 'node/page/build.ts',
    inputs: [
      ...['node/page', 'node/client', 'node/network', 'protocols', 'base', 'codec'],
      ...['chain/client', 'chain/types', 'chain/bindings', 'chain/index.ts', 'chain/errors.ts'],
      'package-lock.json',
    ],
    output: 'node/page/build',
    tools: ['esbuild'],
  },
  {
    name: 'the command line',
    script: 'node/cli/build.ts',
    inputs: ['base', 'codec', 'protocols', 'chain', 'node', 'package.json', 'package-lock.json'],
    output: 'node/cli/build',
    tools: ['esbuild'],
  },
]

/** Something the user can act on: its message is all that is printed. */
class SetupError extends Error {}

async function main() {
  const force = process.argv.includes('--build')
  const major = Number(process.versions.node.split('.')[0])
  if (major < OLDEST_NODE) {
    throw new SetupError(`Floe's set-up needs Node ${OLDEST_NODE} or newer; this is ${process.version}.`)
  }
  if (!force && isInstalled() && BUILDS.every(isBuilt)) return
  const release = await acquireLock()
  try {
    if (!isInstalled()) await install()
    const node = findNode()
    if (node === undefined) throw new SetupError(noNodeText())
    for (const build of BUILDS) {
      if (force || !isBuilt(build)) await runBuild(build, node)
    }
  } finally {
    release()
  }
}

// ---- install

/** Whether node_modules holds what package-lock.json says, by the record that npm leaves when it is done. */
function isInstalled() {
  const record = inRoot('node_modules', '.package-lock.json')
  if (!existsSync(record) || findNode() === undefined) return false
  const installed = readJson(record).packages
  return Object.entries(readLock()).every(
    ([path, { version, integrity, optional, link }]) =>
      path === '' ||
      optional ||
      link ||
      (installed[path]?.version === version && installed[path]?.integrity === integrity),
  )
}

async function install() {
  // dev: the compilers are there; optional: so is Node 24. Neither NODE_ENV nor npm's settings may leave them out
  const kinds = ['--include=dev', '--include=optional']
  // its errors are shown, also where `npm run -s` asked for silence
  const args = ['ci', '--ignore-scripts', ...kinds, '--no-audit', '--no-fund', '--loglevel=error']
  const { command, prefix, shell } = npm()
  await step('Installing packages', command, [...prefix, ...args], { shell, explain: explainInstall })
  if (findNode() === undefined) throw new SetupError(noNodeText())
}

/** npm as it was called, run by the Node it came with: the one in node_modules is about to be replaced. */
function npm() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env
  if (
    script !== undefined &&
    /\.c?js$/.test(script) &&
    node !== undefined &&
    !node.startsWith(inRoot('node_modules'))
  ) {
    return { command: node, prefix: [script], shell: false }
  }
  const windows = process.platform === 'win32'
  return { command: windows ? 'npm.cmd' : 'npm', prefix: [], shell: windows }
}

function explainInstall(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(output)) {
    return 'The package registry could not be reached. The first start needs the network; later ones do not.'
  }
  if (/EACCES|EPERM/.test(output)) return `This user may not write to ${inRoot('node_modules')}.`
  if (/ENOSPC/.test(output)) return 'The disk is full.'
  return "npm's own words are above."
}

/** Node 24: the package for this platform, or the Node that runs this when it is new enough. */
function findNode() {
  for (const name of Object.keys(readJson(inRoot(RUNTIME)).optionalDependencies)) {
    const manifest = inRoot('node_modules', name, 'package.json')
    if (!existsSync(manifest)) continue
    const { os, cpu, bin } = readJson(manifest)
    if (
      [os].flat().includes(process.platform) &&
      [cpu].flat().includes(process.arch) &&
      bin?.node !== undefined
    ) {
      return join(dirname(manifest), bin.node)
    }
  }
  return Number(process.versions.node.split('.')[0]) >= NODE_WITH_TYPES ? process.execPath : undefined
}

function noNodeText() {
  return `There is no packaged Node ${NODE_WITH_TYPES} for ${process.platform}-${process.arch}. Install Node ${NODE_WITH_TYPES} or newer yourself and run this again with it.`
}

// ---- build

/** Whether the build's stamp names the sources as they are, and everything it wrote is there. The stamp's time is when that was last so. */
function isBuilt(build) {
  const stamp = inRoot(build.output, '.stamp')
  if (!existsSync(stamp)) return false
  const seen = new Date()
  const { sources, files } = readJson(stamp)
  if (sources !== hashSources(build) || !files.every(name => existsSync(inRoot(build.output, name))))
    return false
  try {
    utimesSync(stamp, seen, seen)
  } catch (error) {
    // a clone of another user, or one that is only read: it is as it was built all the same
    if (!['EPERM', 'EACCES', 'EROFS'].includes(error.code)) throw error
  }
  return true
}

async function runBuild(build, node) {
  // taken before: sources that change meanwhile leave the stamp stale
  const seen = new Date()
  const sources = hashSources(build)
  await step(`Building ${build.name}`, node, [inRoot(build.script)], {
    explain: output =>
      /exec format|ENOENT|GLIBC|not found/i.test(output)
        ? `The packaged Node (${node}) may not run on this system. ${noNodeText()}`
        : 'What went wrong is above.',
  })
  const files = filesBelow(inRoot(build.output)).filter(name => name !== '.stamp')
  if (files.length === 0) throw new SetupError(`${build.script} wrote nothing to ${build.output}`)
  const stamp = inRoot(build.output, '.stamp')
  writeFileSync(stamp, JSON.stringify({ sources, files }))
  utimesSync(stamp, seen, seen)
}

function hashSources({ inputs, tools }) {
  const hash = createHash('sha256')
  const lock = readLock()
  for (const tool of tools) hash.update(`${tool}@${lock[`node_modules/${tool}`]?.version}\0`)
  for (const input of inputs.map(name => inRoot(name)).filter(existsSync)) {
    const names = statSync(input).isDirectory() ? filesBelow(input) : ['']
    for (const name of names)
      hash
        .update(`${name}\0`)
        .update(readFileSync(join(input, name)))
        .update('\0')
  }
  return hash.digest('hex')
}

/** Files below a folder, sorted, without those of its own builds. */
function filesBelow(folder, below = '') {
  if (!existsSync(folder)) return []
  return readdirSync(join(folder, below), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const name = join(below, entry.name)
      if (entry.isDirectory())
        return ['build', 'node_modules'].includes(entry.name) ? [] : filesBelow(folder, name)
      return entry.isFile() ? [name] : []
    })
}

// ---- running things

/** Runs a program with one line of progress; its output is shown only when it fails. */
async function step(title, command, args, { shell = false, explain }) {
  const startMs = Date.now()
  process.stderr.write(`${title}...`)
  let output = ''
  const path = [inRoot('node_modules', '.bin'), process.env.PATH].join(delimiter)
  const child = spawn(command, args, {
    cwd: root,
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: path },
  })
  children.add(child)
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const code = await new Promise(resolve => {
    child.on('error', error => {
      output += error.message
      resolve(1)
    })
    child.on('close', resolve)
  })
  children.delete(child)
  if (code !== 0) {
    process.stderr.write(` failed\n\n${output.trimEnd()}\n\n`)
    throw new SetupError(`${title} failed. ${explain(output)}`)
  }
  process.stderr.write(` ${((Date.now() - startMs) / 1000).toFixed(1)} s\n`)
}

const children = new Set()

// ---- one set-up at a time

/** Waits for other set-ups of this clone; takes over the lock of one that died. Resolves to the release. */
async function acquireLock() {
  mkdirSync(dirname(LOCK), { recursive: true })
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() })
  for (let waited = false; ; waited = true) {
    if (createFile(LOCK, mine)) return keepLock(mine)
    const holder = staleHolder()
    if (holder !== undefined) takeAway(holder)
    else {
      if (!waited) process.stderr.write('Another set-up is at work here; waiting for it.\n')
      await sleep(POLL_MS)
    }
  }
}

function keepLock(mine) {
  const heart = setInterval(() => utimesSync(LOCK, new Date(), new Date()), HEARTBEAT_MS)
  const release = () => {
    clearInterval(heart)
    if (readText(LOCK) === mine) rmSync(LOCK, { force: true })
  }
  process.once('exit', release)
  return release
}

/** The lock's text when the process that wrote it is gone. */
function staleHolder() {
  const text = readText(LOCK)
  const ageMs = Date.now() - (statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  if (text === undefined) return undefined
  if (ageMs > STALE_MS) return text
  try {
    const { pid, host } = JSON.parse(text)
    if (host === hostname() && !isAlive(pid)) return text
  } catch {
    // half written: its age decides
  }
  return undefined
}

/** Removes a stale lock, unless another process was faster and the lock is a new one by now. */
function takeAway(stale) {
  const aside = `${LOCK}.${process.pid}`
  try {
    renameSync(LOCK, aside)
    if (readText(aside) !== stale) linkSync(aside, LOCK)
  } catch {
    // gone, or there is a newer one: the next round sees
  }
  rmSync(aside, { force: true })
}

function createFile(path, text) {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

// ---- files

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function readLock() {
  return readJson(inRoot('package-lock.json')).packages
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal)
    process.exit(code)
  })
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`)
  process.exitCode = 1
}
