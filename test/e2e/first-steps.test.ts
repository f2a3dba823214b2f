import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/temporary.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

describe('first steps', function () {
  this.timeout(120_000)

  it('the three commands that floe up prints work when they are pasted', async () => {
    const folder = await temporaryFolder()
    const dir = join(folder.path, "a folder's name")
    const floe = spawn(process.execPath, ['node/cli/main.ts', 'up', '--port', '0', '--dir', dir], {
      cwd: root,
    })
    const ended = once(floe, 'close')
    try {
      const commands: string[] = []
      for await (const line of createInterface(floe.stdout)) {
        if (/^ {2}(echo|npx|curl) /.test(line)) commands.push(line.trim())
        if (line.startsWith('Ctrl-C')) break
      }
      assert.equal(commands.length, 3)
      const outputs: string[] = []
      for (const command of commands) {
        outputs.push((await run('sh', ['-c', command], { cwd: root })).stdout)
      }
      assert.match(outputs[0] as string, /^standard input, 16 bytes: stored\n/)
      assert.deepEqual(outputs.slice(1), ['Hello from Floe\n', 'Hello from Floe\n'])
    } finally {
      floe.kill('SIGTERM')
      assert.deepEqual(await ended, [0, null])
      await folder.remove()
    }
  })
})
