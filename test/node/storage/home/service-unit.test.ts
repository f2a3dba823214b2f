import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../support/temporary.ts'

const DOCS = join(import.meta.dirname, '..', '..', '..', '..', 'docs')
const UNITS = { 'storage-node.md': 'node run', 'relay.md': 'relay' }

describe('the systemd unit in the docs', () => {
  /** What systemd finds wrong with it. */
  const verified = async (unit: string): Promise<string | undefined> => {
    const { path, remove } = await temporaryFolder()
    try {
      const file = join(path, 'floe-node.service')
      await writeFile(file, unit)
      const { error, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
      return error === undefined ? stderr : undefined
    } finally {
      await remove()
    }
  }

  for (const [file, command] of Object.entries(UNITS))
    it(`is one that systemd takes without a word: ${file}`, async function () {
      const [, unit] = /```ini\n([\s\S]*?)```/.exec(await readFile(join(DOCS, file), 'utf8'))!
      const program = '/usr/local/bin/floe'
      assert.ok(unit!.includes(`ExecStart=${program} ${command} --dir /var/lib/floe`))
      // a program that is there
      const installed = unit!.replace(program, process.execPath)
      const found = await verified(installed)
      if (found === undefined) return this.skip()
      assert.equal(found, '')
      assert.match((await verified(installed.replace('Restart=always', 'Restart=ever'))) ?? '', /ever/)
    })
})
