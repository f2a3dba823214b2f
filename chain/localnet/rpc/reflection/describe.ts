import type { EnumInfo } from '@protobuf-ts/runtime'
import type { FieldShape, MessageShape } from '../message-shape.ts'
import type { Service } from '../methods.ts'
import type {
  EnumDescriptor,
  FieldDescriptor,
  FileDescriptor,
  MessageDescriptor,
} from './descriptor-types.ts'
import { FileType } from './descriptor-types.ts'

const LABEL = { optional: 1, repeated: 3 } as const
/** FieldDescriptorProto.Type beyond the scalar types, whose numbers protobuf-ts shares */
const TYPE = { message: 11, enum: 14 } as const

/** A file with everything that it needs, both as bytes. */
export interface Described {
  name: string
  bytes: Uint8Array
  dependencies: string[]
}

export interface Descriptions {
  /** by file name */
  files: ReadonlyMap<string, Described>
  /** full name of a service, method, message or enum -> file name */
  symbols: ReadonlyMap<string, string>
}

/** `sui.rpc.v2.Owner.OwnerKind` -> its package and its names, outermost first: those begin with a capital. */
function split(typeName: string): { pkg: string; names: string[] } {
  const parts = typeName.split('.')
  const at = parts.findIndex(part => /^[A-Z]/.test(part))
  return { pkg: parts.slice(0, at).join('.'), names: parts.slice(at) }
}

/** One file for each package: how the sources were cut into files is not known at run time, and nobody asks. */
const fileName = (pkg: string): string => `${pkg.replaceAll('.', '/')}.proto`

/**
 * Descriptors of services and of all that their messages reach, made from what the generated code knows of them.
 * Options and comments are not part of it.
 */
export function describe(services: Iterable<Service>): Descriptions {
  const files = new Map<string, FileDescriptor>()
  const symbols = new Map<string, string>()
  const seen = new Set<string>()

  const fileOf = (pkg: string): FileDescriptor => {
    const known = files.get(pkg)
    if (known !== undefined) return known
    const file = {
      name: fileName(pkg),
      package: pkg,
      dependency: [],
      messageType: [],
      enumType: [],
      service: [],
      syntax: 'proto3',
    }
    files.set(pkg, file)
    return file
  }

  /** The message of a name, which may be nested in others that are described later. */
  const messageAt = (pkg: string, names: readonly string[]): MessageDescriptor => {
    let list = fileOf(pkg).messageType
    let message: MessageDescriptor | undefined
    for (const [i, name] of names.entries()) {
      message = list.find(candidate => candidate.name === name)
      if (message === undefined) {
        message = { name, field: [], nestedType: [], enumType: [], oneofDecl: [] }
        list.push(message)
        symbols.set([pkg, ...names.slice(0, i + 1)].join('.'), fileName(pkg))
      }
      list = message.nestedType
    }
    return message!
  }

  const need = (from: string, to: string) => {
    const { dependency } = fileOf(from)
    if (from !== to && !dependency.includes(fileName(to))) dependency.push(fileName(to))
  }

  const addEnum = ([typeName, values, prefix = '']: EnumInfo, from: string): string => {
    const { pkg, names } = split(typeName)
    need(from, pkg)
    if (!seen.has(typeName)) {
      seen.add(typeName)
      symbols.set(typeName, fileName(pkg))
      const descriptor: EnumDescriptor = {
        name: names.at(-1)!,
        value: Object.entries(values)
          .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
          .map(([name, number]) => ({ name: `${prefix}${name}`, number })),
      }
      const holder = names.length > 1 ? messageAt(pkg, names.slice(0, -1)) : fileOf(pkg)
      holder.enumType.push(descriptor)
    }
    return `.${typeName}`
  }

  const addMessage = (shape: MessageShape, from: string): string => {
    const { pkg, names } = split(shape.typeName)
    need(from, pkg)
    if (!seen.has(shape.typeName)) {
      seen.add(shape.typeName)
      const message = messageAt(pkg, names)
      const synthetic: { field: FieldDescriptor; name: string }[] = []
      for (const field of shape.fields) {
        const descriptor = addField(message, shape, field, pkg)
        if (field.oneof !== undefined) descriptor.oneofIndex = indexOf(message.oneofDecl, snake(field.oneof))
        else if (isOptional(field)) synthetic.push({ field: descriptor, name: `_${field.name}` })
        message.field.push(descriptor)
      }
      // after the real ones, as the compiler has them
      for (const { field, name } of synthetic) {
        field.proto3Optional = true
        field.oneofIndex = message.oneofDecl.push({ name }) - 1
      }
    }
    return `.${shape.typeName}`
  }

  const addField = (
    message: MessageDescriptor,
    shape: MessageShape,
    field: FieldShape,
    pkg: string,
  ): FieldDescriptor => {
    const descriptor: FieldDescriptor = {
      name: field.name,
      number: field.no,
      label: field.repeat ? LABEL.repeated : LABEL.optional,
      type: TYPE.message,
      jsonName: field.localName,
    }
    if (field.kind === 'map') {
      const name = `${field.localName[0]!.toUpperCase()}${field.localName.slice(1)}Entry`
      message.nestedType.push({
        name,
        field: [
          {
            name: 'key',
            number: 1,
            label: LABEL.optional,
            jsonName: 'key',
            ...valueType({ kind: 'scalar', T: field.K }, pkg),
          },
          { name: 'value', number: 2, label: LABEL.optional, jsonName: 'value', ...valueType(field.V!, pkg) },
        ],
        nestedType: [],
        enumType: [],
        oneofDecl: [],
        options: { mapEntry: true },
      })
      return { ...descriptor, label: LABEL.repeated, typeName: `.${shape.typeName}.${name}` }
    }
    return { ...descriptor, ...valueType(field, pkg) }
  }

  const valueType = (
    value: { kind: string; T?: unknown },
    pkg: string,
  ): { type: number; typeName?: string } => {
    if (value.kind === 'scalar') return { type: value.T as number }
    const T = value.T as () => unknown
    return value.kind === 'enum'
      ? { type: TYPE.enum, typeName: addEnum(T() as EnumInfo, pkg) }
      : { type: TYPE.message, typeName: addMessage(T() as MessageShape, pkg) }
  }

  for (const { typeName, methods } of services) {
    const { pkg, names } = split(typeName)
    symbols.set(typeName, fileName(pkg))
    fileOf(pkg).service.push({
      name: names.at(-1)!,
      method: methods.map(({ name, I, O, clientStreaming = false, serverStreaming = false }) => {
        symbols.set(`${typeName}.${name}`, fileName(pkg))
        const inputType = addMessage(I, pkg)
        return { name, inputType, outputType: addMessage(O, pkg), clientStreaming, serverStreaming }
      }),
    })
  }
  const described = [...files.values()].map((file): [string, Described] => [
    file.name,
    { name: file.name, bytes: FileType.toBinary(FileType.create(file)), dependencies: file.dependency },
  ])
  return { files: new Map(described), symbols }
}

const isOptional = ({ kind, opt, repeat }: FieldShape): boolean =>
  opt === true && !repeat && (kind === 'scalar' || kind === 'enum')

function indexOf(list: { name: string }[], name: string): number {
  const at = list.findIndex(one => one.name === name)
  return at >= 0 ? at : list.push({ name }) - 1
}

/** protobuf-ts names a oneof in its own way; the source's is the one with underscores. */
const snake = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
