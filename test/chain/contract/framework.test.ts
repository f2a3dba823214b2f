import assert from 'node:assert/strict'
import { dumpMovePackage, initMovePackageBuilder } from '@zktx.io/sui-move-builder/full'
import { build } from '../../../chain/build.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { walPackage, walrusPackage } from '../../../chain/move/contract.ts'
import { LocalFetcher } from '../../../chain/move/fetcher.ts'
import { systemPackages } from '../../../chain/move/framework.ts'
import type { MoveFiles } from '../../../chain/move/sources.ts'

/** Every function body but those of macros becomes `abort 77`: only signatures and macros are left. */
function withoutBodies(source: string): string {
  let text = ''
  let at = 0
  const start = /^[ \t]*(?:public(?:\(package\))? )?(?:entry )?fun \w+/gm
  for (let match = start.exec(source); match != null; match = start.exec(source)) {
    const open = source.indexOf('{', match.index)
    let depth = 1
    let end = open + 1
    for (; depth > 0; end++) {
      depth += source[end] === '{' ? 1 : source[end] === '}' ? -1 : 0
    }
    text += `${source.slice(at, open)}{ abort 77 }`
    at = end
    start.lastIndex = end
  }
  return text + source.slice(at)
}

class HollowFetcher extends LocalFetcher {
  readonly fetched: string[] = []

  override async fetch(gitUrl: string, rev: string, subdir?: string): Promise<MoveFiles> {
    this.fetched.push(subdir ?? '')
    return hollow(await super.fetch(gitUrl, rev, subdir))
  }
}

const hollow = (files: MoveFiles): MoveFiles =>
  Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, name.endsWith('.move') ? withoutBodies(text) : text]),
  )

describe('contract bytecode', function () {
  this.timeout(60_000)
  before(() => build())

  it('depends on what the framework offers, not on how it works inside', async () => {
    await initMovePackageBuilder()
    const stdlib = systemPackages()['move-stdlib']
    assert.notDeepEqual(hollow(stdlib!), stdlib)
    for (const [name, { files, locals }] of [
      ['wal', walPackage()],
      ['walrus', walrusPackage()],
    ] as const) {
      const fetcher = new HollowFetcher({ ...locals, 'move-stdlib': hollow(stdlib!) })
      const result = await dumpMovePackage({ files, fetcher, network: 'testnet', silenceWarnings: true })
      assert.ok('modules' in result, 'error' in result ? result.error : '')
      const built = loadBuild(name).modules.map(module => Buffer.from(module).toString('base64'))
      assert.deepEqual(result.modules, built)
      assert.ok(
        fetcher.fetched.some(subdir => subdir.endsWith('sui-framework')),
        'the framework was not replaced',
      )
    }
  })
})
