import protobuf from 'protobufjs/minimal.js';

/** protobuf by hand over protobufjs' writer: fields in order, defaults left out, lists packed. */
export type Writer = protobuf.Writer;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

export function createWriter(): Writer {
  return protobuf.Writer.create();
}

export function writeString(writer: Writer, field: number, value: string): void {
  if (value !== '') writer.uint32(tag(field)).string(value);
}

/** A repeated field keeps its empty entries. */
export function writeStrings(writer: Writer, field: number, values: readonly string[]): void {
  for (const value of values) writer.uint32(tag(field)).string(value);
}

export function writeUint32(writer: Writer, field: number, value: number): void {
  if (value !== 0) writer.uint32((field << 3) | VARINT).uint32(value);
}

export function writeUint64(writer: Writer, field: number, value: bigint): void {
  if (value !== 0n) writer.uint32((field << 3) | VARINT).uint64(value.toString());
}

export function writePacked(writer: Writer, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  writer.uint32(tag(field)).fork();
  for (const value of values) writer.uint32(value);
  writer.ldelim();
}

export function writeMessage<T>(
  writer: Writer,
  field: number,
  value: T,
  write: (writer: Writer, value: T) => void,
): void {
  writer.uint32(tag(field)).fork();
  write(writer, value);
  writer.ldelim();
}

function tag(field: number): number {
  return (field << 3) | LENGTH_DELIMITED;
}

/** Reads a message field by field; what does not fit throws RangeError, torn bytes throw Error. */
export class FieldReader {
  readonly #reader: protobuf.Reader;
  readonly #end: number;
  #wireType: number = VARINT;

  private constructor(reader: protobuf.Reader, end: number) {
    this.#reader = reader;
    this.#end = end;
  }

  static over(bytes: Uint8Array): FieldReader {
    const reader = protobuf.Reader.create(bytes);
    return new FieldReader(reader, reader.len);
  }

  /** The next field's number; undefined at the end of the message. */
  nextField(): number | undefined {
    if (this.#reader.pos === this.#end) return undefined;
    if (this.#reader.pos > this.#end) throw new RangeError('a field ends after its message');
    const key = this.#reader.uint32();
    this.#wireType = key & 7;
    return key >>> 3;
  }

  string(): string {
    this.#expect(LENGTH_DELIMITED);
    return this.#reader.string();
  }

  uint32(): number {
    this.#expect(VARINT);
    return this.#reader.uint32();
  }

  uint64(): bigint {
    this.#expect(VARINT);
    return BigInt(this.#reader.uint64().toString());
  }

  /** @throws RangeError when there are more than `max` */
  packed(max: number): number[] {
    this.#expect(LENGTH_DELIMITED);
    const end = this.#reader.uint32() + this.#reader.pos;
    if (end > this.#end) throw new RangeError('a list ends after its message');
    const values: number[] = [];
    while (this.#reader.pos < end) {
      if (values.length === max) throw new RangeError('a list has too many entries');
      values.push(this.#reader.uint32());
    }
    return values;
  }

  message<T>(read: (reader: FieldReader) => T): T {
    this.#expect(LENGTH_DELIMITED);
    const end = this.#reader.uint32() + this.#reader.pos;
    if (end > this.#end) throw new RangeError('a message ends after the one around it');
    return read(new FieldReader(this.#reader, end));
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw new RangeError('a field has another wire type');
  }
}
