#!/usr/bin/env node
/**
 * `npx floe …`: becomes the command line, the compiled one in an installed package; in a clone the bundle or that of the
 * sources, with the Node 24 that set-up installed. Plain JavaScript for any Node, without imports beyond node:, so that it can say what to
 * do before anything was set up.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NODE_WITH_TYPES = 24
const EXIT_NOT_SET_UP = 3
const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
const main = join(here, 'main.ts')
const bundle = join(here, 'build')
/** As node/compile-cache.ts has it: from here on not even the first file is compiled again. */
const compileCache = join(root, 'node_modules', '.cache', 'floe')
const compiled = join(root, 'dist', 'node', 'cli', 'main.js')
const resolve = createRequire(join(root, 'package.json')).resolve

/** The platform's Node package, wherever npm put it. */
function findNode() {
  const runtime = join(here, 'runtime', 'package.json')
  if (!existsSync(runtime)) return undefined
  for (const name of Object.keys(JSON.parse(readFileSync(runtime, 'utf8')).optionalDependencies)) {
    try {
      const path = resolve(`${name}/package.json`)
      const { os, cpu, bin } = JSON.parse(readFileSync(path, 'utf8'))
      const fits = [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch)
      if (fits && existsSync(join(dirname(path), bin.node))) return join(dirname(path), bin.node)
    } catch {
      // the package of another platform, or nothing is installed yet
    }
  }
  return undefined
}

function isSetUp() {
  try {
    resolve('commander')
    return true
  } catch {
    return false
  }
}

/** The bundle, where setup.mjs has seen it to be that of the sources and nothing of them was written since; or else the sources. */
function fastest() {
  try {
    const seenMs = statSync(join(bundle, '.stamp')).mtimeMs
    const { generation, inputs } = JSON.parse(readFileSync(join(bundle, 'inputs.json'), 'utf8'))
    // the time of the change, which comes with no file that is moved or copied here
    const isOfSources = inputs.every(name => statSync(join(root, name)).ctimeMs < seenMs)
    if (isOfSources) return join(bundle, generation, 'main.mjs')
  } catch {
    // it was not built, or sources are gone
  }
  return main
}

async function becomePackage() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [major, minor] = engines.node.match(/\d+/g).map(Number)
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number)
  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    process.stderr.write(`floe: Node ${major}.${minor} or newer is needed; this is ${process.version}.\n`)
    process.exitCode = EXIT_NOT_SET_UP
    return
  }
  await become(compiled)
}

async function become(path) {
  process.argv[1] = path
  await import(pathToFileURL(path).href)
}

async function becomeClone() {
  const runsTypes = Number(process.versions.node.split('.')[0]) >= NODE_WITH_TYPES
  const node = runsTypes ? process.execPath : findNode()
  if (!isSetUp() || node === undefined) tellSetUp()
  else if (runsTypes) {
    module.enableCompileCache(compileCache)
    await become(fastest())
  } else runWith(node)
}

function tellSetUp() {
  process.stderr.write(
    isSetUp()
      ? `floe: Node ${NODE_WITH_TYPES} is needed and none is packaged for ${process.platform}-${process.arch}. Install it, then run this again.\n`
      : `floe: not set up yet. Run this first:\n\n  cd ${root} && npm run build\n\n(npm start does the same and starts a network.)\n`,
  )
  process.exitCode = EXIT_NOT_SET_UP
}

function runWith(node) {
  const child = spawn(node, [fastest(), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env },
  })
  // a terminal signals the whole group by itself; a supervisor signals only this process
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (!process.stdin.isTTY || signal === 'SIGTERM') child.kill(signal)
    })
  }
  child.on('error', error => {
    process.stderr.write(`floe: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 1
    if (signal === null) return
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

await (existsSync(main) || !existsSync(compiled) ? becomeClone() : becomePackage())
