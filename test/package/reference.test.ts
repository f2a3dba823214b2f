import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cleanEnv, root } from './app.ts'

const run = promisify(execFile)
const reference = join(root, 'docs', 'reference')

describe('the API reference', function () {
  this.timeout(300_000) // a compiler, on a machine that may be busy

  it('has words for everything that a door of the package gives', async () => {
    const typedoc = join(reference, 'node_modules', 'typedoc', 'bin', 'typedoc')
    const env = { ...cleanEnv(), NO_COLOR: '1' }
    const told = await run(process.execPath, [typedoc, '--emit', 'none'], { cwd: reference, env }).catch(
      ({ stdout, stderr }) => assert.fail(`${stdout}${stderr}`),
    )
    assert.doesNotMatch(`${told.stdout}${told.stderr}`, /warning/)
  })
})
