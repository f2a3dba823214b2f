import { mkdtempSync, rmSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Temporary files of this process and of those that it starts: test files that run side by side do not see each other's.
const scratch = mkdtempSync(join(tmpdir(), 'floe-tests-'))
process.env.TMPDIR = scratch
process.on('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }))

// tests and the programs that they start strip the types of each file once
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'floe')
enableCompileCache(process.env.NODE_COMPILE_CACHE)
