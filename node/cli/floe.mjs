#!/usr/bin/env node
/**
 * `npx floe …`: finds the Node 24 that was installed with Floe and becomes the command line. Plain JavaScript for any
 * Node, without imports beyond node:, so that it can say what to do before anything was set up.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_WITH_TYPES = 24
const EXIT_NOT_SET_UP = 3
const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, 'main.ts')
const manifestPath = join(here, '..', '..', 'package.json')
const resolve = createRequire(manifestPath).resolve

/** The platform's Node package, wherever npm put it. */
function findNode() {
  const { optionalDependencies } = JSON.parse(readFileSync(manifestPath, 'utf8'))
  for (const name of Object.keys(optionalDependencies)) {
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

const runsTypes = Number(process.versions.node.split('.')[0]) >= NODE_WITH_TYPES
const node = runsTypes ? process.execPath : findNode()

if (!isSetUp() || node === undefined) {
  const root = dirname(manifestPath)
  process.stderr.write(
    isSetUp()
      ? `floe: Node ${NODE_WITH_TYPES} is needed and none is packaged for ${process.platform}-${process.arch}. Install it, then run this again.\n`
      : `floe: not set up yet. Run this first:\n\n  cd ${root} && npm run build\n\n(npm start does the same and starts a network.)\n`,
  )
  process.exitCode = EXIT_NOT_SET_UP
} else if (runsTypes) {
  process.argv[1] = main
  await import(new URL('main.ts', import.meta.url).href)
} else {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
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
