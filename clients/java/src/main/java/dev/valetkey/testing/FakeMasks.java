package dev.valetkey.testing;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;

/** Updates of some fields. */
final class FakeMasks {
  private FakeMasks() {}

  /** Takes the named fields over. */
  static void apply(FieldMask mask, Message from, Message.Builder to) {
    for (String path : mask.getPathsList()) {
      FieldDescriptor field = from.getDescriptorForType().findFieldByName(path);
      if (field == null) {
        throw FakeErrors.invalid("update_mask", "fields of the message");
      }
      to.setField(field, from.getField(field));
    }
  }
}
