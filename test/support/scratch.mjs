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

export const mochaHooks = {
  beforeAll() {
    process.off('unhandledRejection', keepFirst) // a worker of mocha runs many files, and drops all listeners after each
    process.on('unhandledRejection', keepFirst)
  },
  afterEach: failOnUnhandled,
  afterAll: failOnUnhandled,
}
