import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'

// Temporary files of this process and of those that it starts: test files that run side by side do not see each other's.
const scratch = mkdtempSync(join(tmpdir(), 'floe-tests-'))
process.env.TMPDIR = scratch
process.on('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }))

// tests and the programs that they start strip the types of each file once
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'floe')
enableCompileCache(process.env.NODE_COMPILE_CACHE)

// Where Floe runs, a rejection that nobody handles ends the process; mocha by itself says nothing of it. The test during which
// it came fails.
let unhandled
const keepFirst = reason => {
  unhandled ??= `a rejection that nobody handles: ${inspect(reason)}` // text: a cause does not leave a worker of mocha
}

async function failOnUnhandled() {
  await new Promise(resolve => setImmediate(resolve)) // what the last turn rejected is told by then
  const first = unhandled
  unhandled = undefined
  if (first !== undefined) throw new Error(first)
}

// What a test that failed left running would keep mocha from ending: it is ended with its file, and said. Only programs of
// Node's: others, such as browsers, are their libraries' to end.
const programs = new Set()
subscribe('child_process', ({ process: child }) => {
  child.once('spawn', () => {
    if (child.spawnfile !== process.execPath) return
    programs.add(child)
    child.once('exit', () => programs.delete(child))
  })
})

async function endPrograms() {
  const ending = AbortSignal.timeout(2_000) // those that were told to end may still be at it
  await Promise.allSettled(Array.from(programs, child => once(child, 'exit', { signal: ending })))
  const left = Array.from(programs, ({ spawnargs }) => spawnargs.slice(1).join(' '))
  for (const child of programs) child.kill('SIGKILL')
  if (left.length > 0) throw new Error(`a test left running: ${left.join('; ')}`)
}

export const mochaHooks = {
  beforeAll() {
    process.off('unhandledRejection', keepFirst) // a worker of mocha runs many files, and drops all listeners after each
    process.on('unhandledRejection', keepFirst)
  },
  afterEach: failOnUnhandled,
  afterAll: [failOnUnhandled, endPrograms],
}
