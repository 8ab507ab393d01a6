import { Button, Group, Modal, Text } from "@mantine/core";
import { useState } from "react";
import { ErrorNotice } from "./ErrorNotice";

interface Props {
  /** On the button, and on the one that confirms. */
  readonly label: string;
  readonly title: string;
  /** What will happen, and whether it can be undone. */
  readonly children: string;
  readonly onConfirm: () => Promise<unknown>;
  readonly size?: "xs" | "sm";
  /** Says which, where there are several on a page. */
  readonly of?: string;
}

/** A button that asks before it does what cannot be undone. */
export function ConfirmButton({
  label,
  title,
  children,
  onConfirm,
  size = "sm",
  of,
}: Props) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const close = () => {
    setOpen(false);
    setError(undefined);
  };
  const confirm = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
      close();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button
        size={size}
        variant="outline"
        color="red"
        onClick={() => {
          setOpen(true);
        }}
        {...(of !== undefined && { "aria-label": `${label} ${of}` })}
      >
        {label}
      </Button>
      <Dialog opened={open} onClose={close} title={title}>
        <Text size="sm" mb="md">
          {children}
        </Text>
        <ErrorNotice error={error} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button color="red" loading={busy} onClick={confirm}>
            {label}
          </Button>
        </Group>
      </Dialog>
    </>
  );
}

interface DialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: React.ReactNode;
  /** Whether a click beside it or Escape closes it. */
  readonly closable?: boolean;
}

/**
 * A dialog. The page behind may scroll: locking it needs an inline style. Its
 * parts are put together here, for the library's own title bar is a landmark.
 */
export function Dialog({
  opened,
  onClose,
  title,
  closable = true,
  children,
}: DialogProps) {
  return (
    <Modal.Root
      opened={opened}
      onClose={onClose}
      centered
      lockScroll={false}
      closeOnClickOutside={closable}
      closeOnEscape={closable}
      transitionProps={{ duration: 0 }}
    >
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body pt="md">
          <Group justify="space-between" wrap="nowrap" mb="md">
            <Modal.Title fw={650} fz="lg">
              {title}
            </Modal.Title>
            {closable ? <Modal.CloseButton aria-label="Close" /> : null}
          </Group>
          {children}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
